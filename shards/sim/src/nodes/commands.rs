//! Owns how a node carries clients' commands out: where they run, and the way of their answers.

use super::MS;
use super::core::{Item, Mail, Place, Ready};
use super::peers::place_of;
use super::world::{Event, World};
use super::{Violation, Wrong};
use crate::replies::{Word, Words};
use hyperion_engine::command::find;
use hyperion_engine::{Leader, Outcome, Queued, Request, Route, Ticket, Unit, key_slot};
use hyperion_model::{DatabaseId, PartitionId, ReplyWriter, slot_of};

/// A command on its way.
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// Names the client and its try.
    pub(super) attempt: u64,
    /// The core of the client's connection.
    pub(super) home: usize,
    pub(super) words: Vec<Vec<u8>>,
    /// The client takes what a replica says.
    pub(super) from_replica: bool,
}

/// What a client hears.
#[derive(Debug)]
pub(super) enum Told {
    Words(Vec<Word>),
    /// Ask another node, that one if it is known.
    Moved(Option<usize>),
    /// The end of its connection.
    Closed,
}

impl World {
    /// A client's command comes to a node.
    pub(super) fn request_arrives(&mut self, at: Place, command: Command) {
        if self.nodes[at.node].is_up() {
            return self.come(at, Item::Request(command));
        }
        // Nobody listens.
        self.out_ns = self.now_ns;
        self.refuse(command.attempt);
    }

    /// A core takes the command of a client of its own.
    pub(super) fn take_command(&mut self, at: Place, command: Command) -> Result<(), Violation> {
        let arguments: Vec<&[u8]> = command.words.iter().map(Vec::as_slice).collect();
        let request = request(&command, &arguments)?;
        let route = self.nodes[at.node].cores[at.core].engine.route(&request);
        match route {
            Route::Here => self.run_command(at, command)?,
            Route::There(core) => self.post(at, usize::from(core.0), Mail::Command(command)),
            Route::Elsewhere { slot } => {
                let moved = self.moved(at, slot);
                self.tell(at, command.attempt, moved);
            }
            Route::CrossSlot => {
                let ticket = Ticket(command.attempt);
                let (spec, database) = (request.spec, request.database);
                let engine = &mut self.nodes[at.node].cores[at.core].engine;
                // Every other one as a transaction of a client, which runs it on copies.
                if ticket.0.is_multiple_of(2) {
                    engine.begin_spanning(ticket, spec, database, command.words);
                } else {
                    let commands = vec![Queued { spec, database, arguments: command.words }];
                    engine.begin_unit(ticket, Unit { commands, ..Unit::default() });
                }
            }
            route => return Err(format!("{route:?} is no way for {:?}", command.words)),
        }
        Ok(())
    }

    /// Runs a command on the core that it belongs to, or holds it there.
    pub(super) fn run_command(&mut self, at: Place, command: Command) -> Result<(), Violation> {
        let arguments: Vec<&[u8]> = command.words.iter().map(Vec::as_slice).collect();
        let request = request(&command, &arguments)?;
        let mut reply = Words::default();
        let core = &mut self.nodes[at.node].cores[at.core];
        let outcome = if self.settings.wrong == Wrong::ReadsWithoutLease
            && command.words[0] == b"get"
            && core.leaders[usize::from(self.map.partition_of(slot_of(arguments[1])).0)]
                == Leader::Own
        {
            read_without_lease(core, arguments[1], &mut reply)
        } else {
            core.engine.execute(&request, &mut reply)
        };
        if self.must_wait(at, outcome) {
            self.nodes[at.node].cores[at.core].held.push(command);
            return Ok(());
        }
        let (home, attempt) = (command.home, command.attempt);
        match outcome {
            Outcome::Elsewhere { slot } => {
                let moved = self.moved(at, slot);
                self.answer(at, home, attempt, moved);
            }
            Outcome::Done { observed } => {
                let told = Told::Words(reply.words);
                let ready = Ready { observed, home, attempt, told };
                self.nodes[at.node].cores[at.core].ready.push(ready);
            }
            Outcome::Locked | Outcome::NoRoom | Outcome::Unfinished => {}
            Outcome::Front => return Err("a command of the front was asked for".into()),
            Outcome::Blocks(_) => return Err("nobody may wait here".into()),
            Outcome::Sliced => return Err("an answer of a mebibyte was asked for".into()),
        }
        Ok(())
    }

    fn moved(&self, at: Place, slot: u16) -> Told {
        let PartitionId(partition) = self.map.partition_of(slot);
        match self.nodes[at.node].cores[at.core].leaders[usize::from(partition)] {
            Leader::Node(id) => Told::Moved(Some(place_of(id))),
            Leader::Own | Leader::Nobody | Leader::Changing => Told::Moved(None),
        }
    }

    /// An answer goes to the core of its client.
    pub(super) fn answer(&mut self, at: Place, home: usize, attempt: u64, told: Told) {
        if home == at.core {
            self.tell(at, attempt, told);
        } else {
            self.post(at, home, Mail::Told(attempt, told));
        }
    }

    /// An answer goes to its client.
    pub(super) fn tell(&mut self, _: Place, attempt: u64, told: Told) {
        let after_ns = MS / 20 + self.random.below(MS);
        let client = self.client_of(attempt);
        self.push(self.out_ns + after_ns, Event::Told { client, attempt, told });
    }

    fn refuse(&mut self, attempt: u64) {
        let client = self.client_of(attempt);
        let event = Event::Told { client, attempt, told: Told::Moved(None) };
        self.push(self.now_ns + MS, event);
    }
}

fn request<'a>(command: &Command, arguments: &'a [&'a [u8]]) -> Result<Request<'a>, Violation> {
    let spec = find(arguments[0]).ok_or("the command is not in the table")?;
    Ok(Request {
        spec,
        database: DatabaseId(0),
        arguments,
        own_core_only: false,
        from_replica: command.from_replica,
        blocking: hyperion_engine::command::Blocking::Never,
        slot: key_slot(spec, arguments),
        client: (u16::try_from(command.home).unwrap_or(0), command.attempt),
    })
}

/// What a node does that believes in its lead more than in its lease.
fn read_without_lease(
    core: &mut super::core::Core,
    key: &[u8],
    reply: &mut dyn ReplyWriter,
) -> Outcome {
    let store = core.engine.store_mut();
    store.begin_observing();
    let key = store.key(DatabaseId(0), key);
    match store.find(&key) {
        Some(found) => {
            let (value, mut bytes) = (store.value(&found), Vec::new());
            value.copy_range(0, value.len(), &mut bytes);
            reply.bulk(&bytes);
        }
        None => reply.null(),
    }
    Outcome::Done { observed: store.observed_position() }
}
