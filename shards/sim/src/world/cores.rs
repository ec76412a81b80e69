//! Owns what cores do: commands, mail from each other, turns of work on the disk, and answers as they are released.

use super::{Command, Message, Ready, Violation, World, Wrong};
use crate::disk::DeviceError;
use crate::history::{Held, State, Values};
use crate::node::SEGMENT_BYTES;
use crate::replies::{Words, words_of};
use hyperion_engine::command::find;
use hyperion_engine::{Effect, Outcome, Request};
use hyperion_model::{CoreId, DatabaseId};
use hyperion_store::Store;

impl World {
    pub(super) fn post(&mut self, from: usize, to: usize, message: Message) {
        self.links[from * self.cores.len() + to].push_back(message);
    }

    /// Brings the first message of one pair of cores.
    pub(super) fn deliver(&mut self) -> Result<(), Violation> {
        let open: Vec<usize> =
            (0..self.links.len()).filter(|&link| !self.links[link].is_empty()).collect();
        if open.is_empty() {
            return Ok(());
        }
        let link = open[self.random.index(open.len())];
        let Some(message) = self.links[link].pop_front() else { return Ok(()) };
        let (from, to) = (link / self.cores.len(), link % self.cores.len());
        self.note(link as u64);
        let is_mail = matches!(message, Message::Engine(_));
        match message {
            Message::Engine(mail) => {
                let from = CoreId(u16::try_from(from).expect("2 or 3"));
                self.cores[to].engine.begin_turn(self.now_ms);
                self.cores[to].engine.mail(from, mail);
            }
            Message::Command(command) => self.run_command(to, command)?,
            Message::Reply(client, words) => return self.tell(client, &words),
        }
        self.settle_core(to, is_mail)
    }

    /// Runs a command on the core that it belongs to, or holds it there.
    pub(super) fn run_command(&mut self, at: usize, command: Command) -> Result<(), Violation> {
        let arguments: Vec<&[u8]> = command.words.iter().map(Vec::as_slice).collect();
        let spec = find(&command.words[0]).ok_or("the command is not in the table")?;
        let request = Request {
            spec,
            database: command.database,
            arguments: &arguments,
            own_core_only: false,
            from_replica: false,
            blocking: hyperion_engine::command::Blocking::Never,
            client: (0, command.client as u64),
            slot: None,
        };
        let core = &mut self.cores[at];
        core.engine.begin_turn(self.now_ms);
        let mut reply = Words::default();
        match core.engine.execute(&request, &mut reply) {
            Outcome::Done { observed } => {
                core.ready.push(Ready { observed, client: command.client, words: reply.words });
                if self.settings.wrong == Wrong::ReleasesEarly {
                    self.release(at)?;
                }
            }
            Outcome::Elsewhere { .. } => return Err("a node that is alone serves all".into()),
            Outcome::Front => return Err("a command of the front was asked for".into()),
            Outcome::Blocks(_) => return Err("nobody may wait here".into()),
            Outcome::Sliced => return Err("an answer of a mebibyte was asked for".into()),
            Outcome::Locked | Outcome::NoRoom => core.held.push(command),
            Outcome::Unfinished => {
                core.is_unfinished = true;
                core.held.push(command);
            }
        }
        self.look(at, false);
        Ok(())
    }

    /// After anything that an engine took in: its effects go out, what it changed is noted, what was locked is tried again.
    pub(super) fn settle_core(&mut self, at: usize, is_joined: bool) -> Result<(), Violation> {
        loop {
            self.look(at, is_joined);
            let mut effects = Vec::new();
            self.cores[at].engine.take_effects(&mut effects);
            for effect in effects {
                match effect {
                    Effect::Mail { to, mail } => {
                        self.post(at, usize::from(to.0), Message::Engine(mail));
                    }
                    Effect::Finished { ticket, answer } => {
                        let words = words_of(answer, self.random.number());
                        let client = usize::try_from(ticket.0).expect("tickets are clients");
                        self.tell(client, &words)?;
                    }
                    Effect::Told { .. } => return Err("no command has so many keys".into()),
                    Effect::Leader { .. }
                    | Effect::Cluster { .. }
                    | Effect::Unknown { .. }
                    | Effect::Span { .. }
                    | Effect::Hosted { .. }
                    | Effect::Stop { .. }
                    | Effect::CloseFrom { .. } => {
                        return Err("a node that is alone has no groups".into());
                    }
                }
            }
            if !self.cores[at].engine.take_unlocked() {
                return Ok(());
            }
            self.retry_held(at)?;
        }
    }

    fn retry_held(&mut self, at: usize) -> Result<(), Violation> {
        let held = std::mem::take(&mut self.cores[at].held);
        held.into_iter().try_for_each(|command| self.run_command(at, command))
    }

    /// Notes what a core's keys hold, if its log has grown.
    fn look(&mut self, at: usize, is_joined: bool) {
        let core = &mut self.cores[at];
        let position = core.engine.store().appended_position();
        if position == core.seen {
            return;
        }
        let owned = owned(&self.names, &self.map, at);
        let state =
            contents(core.engine.store_mut(), &self.names, &owned, &mut self.checker.values);
        core.seen = core.engine.store().appended_position();
        self.prefixes[at].observe(position, state, is_joined);
        self.note(position);
    }

    /// A piece of work on a core's disk, or of its housekeeping.
    pub(super) fn work(&mut self, at: usize) -> Result<Result<(), DeviceError>, Violation> {
        if std::mem::take(&mut self.cores[at].is_unfinished) {
            self.retry_held(at)?;
        }
        let (faults, now_ms) = (self.faults, self.now_ms);
        let what = self.random.below(22);
        let core = &mut self.cores[at];
        let mut result = Ok(());
        match what {
            0..4 => core.files.end_turn(&mut core.engine),
            4..8 => {
                result =
                    core.files.write(&mut core.engine, &mut self.disk, &mut self.random, faults);
            }
            8..10 => {
                let is_time = self.random.chance(300);
                core.files.begin_sync(&mut core.engine, &self.disk, is_time);
            }
            10..13 => {
                result = core.files.finish_sync(
                    &mut core.engine,
                    &mut self.disk,
                    &mut self.random,
                    faults,
                );
            }
            13 => core.files.free(&mut core.engine, &mut self.disk),
            14 => self.supply(at),
            15 => {
                core.engine.begin_turn(now_ms);
                core.engine.store_mut().sweep(64, u64::MAX);
                core.engine.cool();
            }
            16 => self.retry_held(at)?,
            17 | 18 => {
                // As many segments as there may be files, so that the cleaner is under pressure.
                let bytes = self.segments_max.saturating_mul(SEGMENT_BYTES) as u64;
                core.engine.store_mut().set_memory(bytes);
                if self.random.chance(300) {
                    core.engine.store_mut().clean_eagerly();
                }
                core.engine.store_mut().clean();
            }
            _ => self.release(at)?,
        }
        if result.is_err() {
            return Ok(result);
        }
        self.cores[at].engine.settle();
        self.settle_core(at, true)?;
        Ok(Ok(()))
    }

    fn supply(&mut self, at: usize) {
        let core = &mut self.cores[at];
        core.engine.begin_turn(self.now_ms);
        let supplied = core.files.supply(
            &mut core.engine,
            self.segments_max,
            &mut self.disk,
            &mut self.memory,
        );
        // The one who makes segments notices a full disk sooner or later.
        let is_noticed = !supplied && (self.faults.fills_up || self.random.chance(300));
        core.engine.set_no_segments(is_noticed.then(|| "the disk is full".to_owned()));
        core.engine.room_came();
    }

    /// Lets the answers leave whose observations the log has released.
    fn release(&mut self, at: usize) -> Result<(), Violation> {
        let released = match self.settings.wrong {
            Wrong::ReleasesEarly => u64::MAX,
            _ => self.cores[at].engine.released_position(),
        };
        let due: Vec<Ready> =
            self.cores[at].ready.extract_if(.., |ready| ready.observed <= released).collect();
        for Ready { client, words, .. } in due {
            let home = self.clients[client].home;
            if home == at {
                self.tell(client, &words)?;
            } else {
                self.post(at, home, Message::Reply(client, words));
            }
        }
        Ok(())
    }
}

/// The places of the keys that a core owns.
pub(super) fn owned(
    names: &[(DatabaseId, Vec<u8>)],
    map: &hyperion_model::PartitionMap,
    core: usize,
) -> Vec<usize> {
    let owner = |name: &[u8]| map.owner(map.partition_of(hyperion_model::slot_of(name)));
    (0..names.len()).filter(|&key| usize::from(owner(&names[key].1).0) == core).collect()
}

/// What a core's keys hold.
pub(super) fn contents(
    store: &mut Store,
    names: &[(DatabaseId, Vec<u8>)],
    owned: &[usize],
    values: &mut Values,
) -> State {
    let mut state = vec![None; names.len()];
    let mut bytes = Vec::new();
    for &at in owned {
        let (database, name) = &names[at];
        let key = store.key(*database, name);
        let Some(found) = store.find(&key) else { continue };
        let value = store.value(&found);
        bytes.clear();
        value.copy_range(0, value.len(), &mut bytes);
        state[at] = Some(Held { value: values.id(&bytes), expiry_ms: store.expiry_ms(&found) });
    }
    state
}
