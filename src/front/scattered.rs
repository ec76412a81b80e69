//! Owns commands that wait for any of several keys which lie on several cores of the node. The client's core asks one core after the other to
//! run the command for the keys that it has; who finds nothing keeps it among those who wait there, and offers when it may find something.
//! Only on the client's core's word is anything taken, from one core at a time: so nothing is taken twice.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use hyperion_engine::Request;
use hyperion_engine::command::{Wait, keys_of};
use hyperion_model::{DatabaseId, slot_of};
use hyperion_runtime::ConnectionId;

use super::batch::CommandHead;
use super::blocked::{BlockedAt, Ending, Tried};
use super::client::{Client, Hold};
use super::execute::Progress;
use super::limits::BACKLOG_BATCHES_MAX;
use crate::node::NodeCore;

/// A client's command.
#[derive(Debug)]
struct Scattered {
    head: CommandHead,
    arguments: Vec<Vec<u8>>,
    /// The cores with its keys, in the order of the keys; so many were asked.
    cores: Vec<u16>,
    asked: usize,
    /// A core runs it at the moment.
    is_running: bool,
    /// Cores that may find something.
    offers: VecDeque<u16>,
    since_ms: u64,
    /// What it waits for, once a core has said so.
    wait: Option<Wait>,
    /// It is to end as soon as no core runs it.
    ending: Option<Ending>,
}

/// Such commands of one core's clients.
#[derive(Debug, Default)]
pub(crate) struct ScatteredCommands {
    commands: BTreeMap<ConnectionId, Scattered>,
    ends: BTreeSet<(u64, ConnectionId)>,
}

impl ScatteredCommands {
    fn remove(&mut self, connection: ConnectionId) -> Option<Scattered> {
        let command = self.commands.remove(&connection)?;
        if let Some(until_ms) = command.until_ms() {
            self.ends.remove(&(until_ms, connection));
        }
        Some(command)
    }

    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    /// Databases have changed numbers.
    pub(super) fn move_databases(&mut self, moved: impl Fn(DatabaseId) -> DatabaseId) {
        for command in self.commands.values_mut() {
            command.head.database = moved(command.head.database);
        }
    }

    /// When the next wait ends, Unix ms.
    pub(super) fn next_end(&self) -> Option<(u64, ConnectionId)> {
        self.ends.first().copied()
    }
}

impl Scattered {
    fn until_ms(&self) -> Option<u64> {
        let timeout_ms = self.wait?.timeout_ms;
        (timeout_ms > 0).then(|| self.since_ms.saturating_add(timeout_ms))
    }

    /// The next core that is to run it.
    fn next_core(&mut self) -> Option<u16> {
        if let Some(&core) = self.cores.get(self.asked) {
            self.asked += 1;
            return Some(core);
        }
        self.offers.pop_front()
    }
}

impl NodeCore {
    /// Begins a command that waits for keys of several cores.
    pub(super) fn begin_scattered(
        &mut self,
        client: &mut Client,
        request: &Request<'_>,
    ) -> Progress {
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        if self.links.iter().any(|link| link.backlog.len() >= BACKLOG_BATCHES_MAX) {
            self.hold_again(client);
            return Progress::Held;
        }
        let map = self.engine.map();
        let mut cores: Vec<u16> = Vec::new();
        for at in keys_of(request.spec, request.arguments) {
            let core = map.owner(map.partition_of(slot_of(request.arguments[at]))).0;
            if !cores.contains(&core) {
                cores.push(core);
            }
        }
        let head = CommandHead { is_part: true, ..CommandHead::of(client, request) };
        let command = Scattered {
            head,
            arguments: request.arguments.iter().map(|argument| argument.to_vec()).collect(),
            cores,
            asked: 0,
            is_running: false,
            offers: VecDeque::new(),
            since_ms: self.engine.store().now_ms(),
            wait: None,
            ending: None,
        };
        client.hold = Hold::Blocked;
        client.blocked = Some(BlockedAt::Scattered);
        self.scattered.commands.insert(client.connection, command);
        self.go_on_scattered(client);
        Progress::Ran
    }

    /// Asks the next core, or ends it.
    fn go_on_scattered(&mut self, client: &mut Client) {
        loop {
            let Some(command) = self.scattered.commands.get_mut(&client.connection) else { return };
            if command.is_running {
                return;
            }
            if let Some(ending) = command.ending {
                return self.finish_scattered(client, ending);
            }
            let Some(core) = command.next_core() else { return };
            command.is_running = true;
            let (head, arguments) = (command.head, std::mem::take(&mut command.arguments));
            let words: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
            let tried = if core == self.index {
                self.try_part(client, &head, &words)
            } else {
                self.links[usize::from(core)].open.commands.push(head, &words);
                client.output.owe(core, head.is_silent);
                self.counters.hops += 1;
                Tried::Waits
            };
            let Some(command) = self.scattered.commands.get_mut(&client.connection) else { return };
            command.arguments = arguments;
            match tried {
                Tried::Waits if core != self.index => return,
                // It is tried again when something changes.
                Tried::Waits => {
                    command.is_running = false;
                    command.offers.push_back(core);
                    self.held.push(client.connection);
                    return;
                }
                Tried::Ran => {
                    self.end_scattered(client, Some(core));
                    return self.unblock(client);
                }
                Tried::Blocks(wait) => self.note_still(client.connection, wait),
            }
        }
    }

    /// Runs the command for the keys of this core, which is the client's.
    fn try_part(&mut self, client: &mut Client, head: &CommandHead, words: &[&[u8]]) -> Tried {
        let tried = self.try_for(client, head, words);
        match tried {
            Tried::Blocks(wait) => self.block_for(self.index, *head, words, wait),
            Tried::Ran => self.settle_part(self.index, head),
            Tried::Waits => {}
        }
        tried
    }

    /// A core found nothing.
    fn note_still(&mut self, connection: ConnectionId, wait: Wait) {
        let Some(command) = self.scattered.commands.get_mut(&connection) else { return };
        command.is_running = false;
        if command.wait.replace(wait).is_none()
            && let Some(until_ms) = command.until_ms()
        {
            self.scattered.ends.insert((until_ms, connection));
        }
    }

    /// Another core found nothing: the client goes on waiting.
    pub(super) fn scattered_still(&mut self, connection: ConnectionId, wait: Wait) {
        let Some(mut client) = self.clients.take(connection) else { return };
        client.output.disown();
        self.note_still(connection, wait);
        self.go_on_scattered(&mut client);
        self.clients.put_back(client);
    }

    /// A core may find something.
    pub(crate) fn scattered_offer(&mut self, connection: ConnectionId, core: u16) {
        let Some(command) = self.scattered.commands.get_mut(&connection) else { return };
        if command.cores.contains(&core) && !command.offers.contains(&core) {
            command.offers.push_back(core);
        }
        self.retry_scattered(connection);
    }

    /// Something changed that it may have waited for.
    pub(super) fn retry_scattered(&mut self, connection: ConnectionId) {
        let Some(mut client) = self.clients.take(connection) else { return };
        if client.blocked == Some(BlockedAt::Scattered) {
            self.go_on_scattered(&mut client);
        }
        self.clients.put_back(client);
    }

    /// The command has its answer from `core`, or is given up: no core keeps it any more.
    pub(super) fn end_scattered(&mut self, client: &Client, core: Option<u16>) {
        let Some(command) = self.scattered.remove(client.connection) else { return };
        for other in command.cores.into_iter().take(command.asked) {
            if Some(other) == core {
                continue;
            }
            if other == self.index {
                self.end_wait_of(other, client.connection, Ending::Gone);
            } else {
                self.send_ending(other, client.connection, Ending::Gone);
            }
        }
    }

    /// Its time is up, or somebody ends it.
    pub(super) fn end_scattered_wait(&mut self, client: &mut Client, ending: Ending) {
        if ending == Ending::Gone {
            return self.end_scattered(client, None);
        }
        if let Some(command) = self.scattered.commands.get_mut(&client.connection) {
            command.ending = Some(ending);
        }
        self.go_on_scattered(client);
    }

    /// Ends the wait of a client whose time is up.
    pub(super) fn end_late_scattered(&mut self, end: (u64, ConnectionId)) {
        self.scattered.ends.remove(&end);
        let Some(mut client) = self.clients.take(end.1) else { return };
        self.end_scattered_wait(&mut client, Ending::Timeout);
        self.clients.put_back(client);
    }

    fn finish_scattered(&mut self, client: &mut Client, ending: Ending) {
        let Some(command) = self.scattered.commands.get(&client.connection) else { return };
        let head = command.head;
        self.end_scattered(client, None);
        self.tell_own(client, &head, ending);
    }
}
