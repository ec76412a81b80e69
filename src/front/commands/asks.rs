//! Owns questions about all clients of the node: each core answers its part, the asking core puts them together.

use hyperion_model::DatabaseId;
use hyperion_runtime::ConnectionId;

use super::super::blocked::Ending;
use super::super::client::{Client, Hold};
use super::super::execute::Progress;
use super::super::limits::BACKLOG_BATCHES_MAX;
use super::super::observe::{Events, Pause, Refusal, Slow};
use super::client_filter::ClientFilter;
use super::client_line::{Whereabouts, client_line};
use super::copies::CopiesWanted;
use super::latency::Look;
use super::whole::{Whole, put_together};
use crate::node::{Io, Mail, NodeCore};
use crate::tracking::{Options, Target};
use hyperion_engine::Ticket;

/// A question to every core.
#[derive(Clone, Debug)]
pub(crate) enum FrontAsk {
    /// The lines about these clients.
    ClientList(ClientFilter),
    /// Close these clients and count them.
    ClientKill(ClientFilter),
    /// End the wait of the client with this number.
    ClientUnblock(u64, Ending),
    /// Set the counters to zero.
    ResetStatistics,
    /// Tell what was refused.
    Refusals,
    /// Forget it.
    ForgetRefusals,
    /// The newest slow commands, so many at most; how many there are; forget them.
    Slow(usize),
    SlowCount,
    ForgetSlow,
    /// What took long; forget these of it, or all.
    Events,
    ForgetEvents(Vec<String>),
    /// A client of this core watches.
    Watch(u16),
    /// Commands wait until then, Unix ms; those that write or all.
    Pause(u64, bool),
    /// They wait no more.
    Unpause,
    /// Expired keys go by themselves, or when somebody looks.
    ExpireActively(bool),
    /// The line about a key of a database.
    DebugObject(DatabaseId, Vec<u8>),
    /// Put the figures of now on the board.
    ShowFigures,
    /// Count the keys of a slot.
    SlotCount(u16),
    /// Tell keys of a slot, so many at most.
    SlotKeys(u16, usize),
    /// Say where the client of this number is.
    Find(u64),
    /// Say when other nodes have what this core has written.
    Copies(CopiesWanted),
}

/// One core's answer.
#[derive(Debug)]
pub(crate) enum FrontPart {
    /// Clients' numbers and lines.
    Lines(Vec<(u64, String)>),
    /// Clients that were closed, or keys.
    Count(u64),
    /// Keys.
    Keys(Vec<Vec<u8>>),
    /// Other nodes that have what this core wrote (none when it leads nothing), and whether it is on stable storage here.
    Copies(Option<u32>, bool),
    /// What was refused.
    Refusals(Vec<Refusal>),
    /// Slow commands.
    Slow(Vec<Slow>),
    /// What took long.
    Events(Events),
    /// Names of what was forgotten.
    Names(Vec<&'static str>),
    /// Where a client is, if it is one of this core's.
    Place(Option<Target>),
    /// It is done.
    Done,
    /// Not an answer: what the asking core keeps for the end.
    Asker(Asker),
}

/// What the asking core keeps until all parts are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asker {
    /// The older form of CLIENT KILL is answered by a word and not by a count.
    pub(super) wants_word: bool,
    /// The client asked for its own end.
    pub(super) closes: bool,
    /// WAITAOF is answered by two counts.
    pub(super) wants_pair: bool,
    /// What is to be made of the parts.
    pub(super) after: After,
}

/// What is to be made of the parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum After {
    /// The answer as it is.
    #[default]
    Write,
    /// The newest so many of a list.
    Newest(usize),
    /// A count, or this if it is more.
    AtMost(u64),
    /// The number of different names.
    Distinct,
    /// OK when all is on stable storage.
    WhenDurable,
    /// The line about a key, or that there is none.
    KeyLine,
    /// These sections of INFO, out of the figures.
    Info(Vec<Vec<u8>>),
    /// The histograms of these commands, out of the figures.
    Histogram(Vec<String>),
    /// MEMORY STATS and DOCTOR, out of the figures.
    MemoryStats,
    MemoryDoctor,
    /// Something of what took long.
    Look(Look),
    /// The choices of a client whose invalidations go to the one that is looked for.
    Track(Box<Options>),
}

impl NodeCore {
    /// Asks every core, and answers at once when this is the only one.
    pub(super) fn ask_all(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        ask: &FrontAsk,
        mut asker: Asker,
    ) -> Progress {
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        if self.links.iter().any(|link| link.backlog.len() >= BACKLOG_BATCHES_MAX) {
            self.hold_again(client);
            return Progress::Held;
        }
        let mut own = self.answer_ask(io, ask);
        // The client itself is out of the table while it runs.
        match (ask, &mut own) {
            (FrontAsk::ClientList(filter), FrontPart::Lines(lines)) => {
                let place = Whereabouts::of(io, client);
                if filter.fits(place.candidate(client)) {
                    lines.push((
                        client.number,
                        client_line(&place, client, self.databases, "client|list"),
                    ));
                }
            }
            (FrontAsk::ClientKill(filter), FrontPart::Count(count)) => {
                asker.closes = filter.fits(Whereabouts::of(io, client).candidate(client));
                *count += u64::from(asker.closes);
            }
            (FrontAsk::Find(number), FrontPart::Place(place)) if *number == client.number => {
                *place = Some(self.place_of(client));
            }
            _ => {}
        }
        let parts = vec![FrontPart::Asker(asker), own];
        let others = self.links.len() - 1;
        if others == 0 {
            self.tell(io, client, parts);
            return Progress::Ran;
        }
        let ticket = self.fresh_ticket(client);
        let own_index = usize::from(self.index);
        for (core, link) in self.links.iter_mut().enumerate() {
            if core != own_index {
                link.backlog.push_back(Mail::Ask(ticket, ask.clone()));
            }
        }
        self.asks.insert(ticket, (others, parts));
        Progress::Ran
    }

    /// This core's part of a question about clients, without a client that is just running.
    pub(crate) fn answer_ask(&mut self, io: &mut Io, ask: &FrontAsk) -> FrontPart {
        match ask {
            FrontAsk::ClientList(filter) => {
                let lines = self.clients.iter().filter_map(|client| {
                    let place = Whereabouts::of(io, client);
                    let line =
                        || client_line(&place, client, self.databases, client.session.last_command);
                    filter.fits(place.candidate(client)).then(|| (client.number, line()))
                });
                FrontPart::Lines(lines.collect())
            }
            FrontAsk::ClientKill(filter) => {
                let meant: Vec<ConnectionId> = self
                    .clients
                    .iter()
                    .filter(|client| filter.fits(Whereabouts::of(io, client).candidate(client)))
                    .map(|client| client.connection)
                    .collect();
                for &connection in &meant {
                    if let Some(mut client) = self.clients.take(connection) {
                        client.is_closing = true;
                        self.end_wait(&mut client, Ending::Gone);
                        self.clients.put_back(client);
                    }
                    io.close(connection);
                }
                FrontPart::Count(meant.len() as u64)
            }
            FrontAsk::ClientUnblock(number, ending) => {
                FrontPart::Count(u64::from(self.unblock_client(*number, *ending)))
            }
            FrontAsk::Find(number) => {
                let found = self.clients.iter().find(|client| client.number == *number);
                FrontPart::Place(found.map(|client| self.place_of(client)))
            }
            FrontAsk::SlotCount(slot) => {
                let mut count = 0;
                self.visit_slot(*slot, |_| {
                    count += 1;
                    true
                });
                FrontPart::Count(count)
            }
            FrontAsk::SlotKeys(slot, max) => {
                let mut keys = Vec::new();
                self.visit_slot(*slot, |key| {
                    if keys.len() < *max {
                        keys.push(key.to_vec());
                    }
                    keys.len() < *max
                });
                FrontPart::Keys(keys)
            }
            FrontAsk::Refusals => FrontPart::Refusals(self.observer.refusals.all()),
            FrontAsk::ForgetRefusals => {
                self.observer.refusals.clear();
                FrontPart::Done
            }
            FrontAsk::Slow(count) => FrontPart::Slow(self.observer.slow.newest(*count)),
            FrontAsk::SlowCount => FrontPart::Count(self.observer.slow.len() as u64),
            FrontAsk::ForgetSlow => {
                self.observer.slow.clear();
                FrontPart::Done
            }
            FrontAsk::Events => FrontPart::Events(self.observer.latencies.all()),
            FrontAsk::ForgetEvents(names) => {
                FrontPart::Names(self.observer.latencies.forget(names))
            }
            FrontAsk::Watch(core) => {
                self.observer.watch.count(usize::from(*core), true);
                FrontPart::Done
            }
            FrontAsk::Pause(until_ms, only_writes) => {
                self.observer.pause.begin(*until_ms, *only_writes);
                self.observer.is_paused = true;
                FrontPart::Done
            }
            FrontAsk::Unpause => {
                self.observer.pause = Pause::default();
                self.observer.is_paused = false;
                // They try again in the next turn.
                self.retried.append(&mut self.held);
                io.wake_again();
                FrontPart::Done
            }
            FrontAsk::ExpireActively(does) => {
                self.observer.keeps_expired = !does;
                FrontPart::Done
            }
            FrontAsk::DebugObject(database, key) => {
                let line = self.engine.debug_object(*database, key);
                FrontPart::Lines(line.into_iter().map(|line| (0, line)).collect())
            }
            FrontAsk::Copies(_) => panic!("it is answered when they are there"),
            FrontAsk::ResetStatistics | FrontAsk::ShowFigures => {
                if matches!(ask, FrontAsk::ResetStatistics) {
                    self.reset_statistics(io);
                }
                let figures = self.figures(io);
                self.shared.board.show(usize::from(self.index), figures);
                FrontPart::Done
            }
        }
    }

    fn place_of(&self, client: &Client) -> Target {
        Target { number: client.number, core: self.index, connection: client.connection }
    }

    /// A part came: when all are there, answers the client that asked.
    pub(crate) fn ask_part(&mut self, io: &mut Io, ticket: Ticket, part: FrontPart) {
        let Some((missing, parts)) = self.asks.get_mut(&ticket) else { return };
        parts.push(part);
        *missing -= 1;
        if *missing > 0 {
            return;
        }
        let Some((_, parts)) = self.asks.remove(&ticket) else { return };
        let Some(mut client) = self.client_of(ticket) else { return };
        self.tell(io, &mut client, parts);
        client.session.reply_mode = client.session.reply_mode.next();
        self.run_kept(io, &mut client);
        self.dirty(&mut client);
        self.clients.put_back(client);
    }

    fn tell(&mut self, io: &Io, client: &mut Client, parts: Vec<FrontPart>) {
        let (whole, asker) = put_together(parts);
        match (asker.after, whole) {
            (After::Info(sections), _) => self.tell_info(io, client, &sections),
            (After::Histogram(names), _) => self.tell_histogram(client, &names),
            (After::MemoryStats, _) => self.tell_memory_stats(client),
            (After::MemoryDoctor, _) => self.tell_memory_doctor(client),
            (After::Look(look), Whole::Events(events)) => {
                self.tell_events(io, client, &look, &events);
            }
            (After::Track(options), Whole::Place(place)) => {
                self.begin_tracking(client, *options, place);
            }
            (_, whole) => {
                let now_ms = io.now_unix_ms();
                self.answer(client, |reply| whole.write(now_ms, reply));
            }
        }
        if asker.closes {
            client.is_closing = true;
            self.dirty(client);
        }
    }
}
