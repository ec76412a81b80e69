//! Owns the way of an invalidation: from the core that owns a key to the clients that have read it.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_engine::Change;
use hyperion_model::TransactionId;
use hyperion_runtime::ConnectionId;
use hyperion_wire::{Encoder, Protocol};

use super::flushes::Flushes;
use super::limits::INVALID_MAX;
use super::session::{Target, Tracking};
use super::table::{Reader, Reading, Table};
use crate::front::Client;
use crate::front::client::Hold;
use crate::front::limits::BACKLOG_BATCHES_MAX;
use crate::node::{Io, Mail, NodeCore};
use crate::pubsub::{Frames, Kind};

/// The channel that a client of RESP2 hears invalidations on.
const CHANNEL: &[u8] = b"__redis__:invalidate";

/// What a client's core is told; it comes behind the answers that its clients have read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// A key that this client has read.
    Read {
        connection: ConnectionId,
        key: Vec<u8>,
        /// Whose command it was.
        by: Option<(u16, u64)>,
    },
    /// A key that this client has read, or everything: put off until the answer of a read, which stands before it now.
    Late { connection: ConnectionId, key: Option<Vec<u8>> },
    /// A key, to those with a prefix of it.
    Prefixed { key: Vec<u8>, by: Option<(u16, u64)> },
    /// Everything, to one client of the core itself.
    AllOf(ConnectionId),
    /// Everything, to all clients.
    All,
    /// A word about a flush of all cores: the sender has done its part, or has asked so many that do theirs.
    Flushed(TransactionId, Option<usize>),
}

/// That a client reads keys of the receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) connection: ConnectionId,
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) reading: Reading,
}

/// An invalidation for a client that another has named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RedirectMail {
    /// Keys, or all of them, for `target`; they were read by `reader`.
    Keys { target: ConnectionId, reader: ConnectionId, keys: Option<Vec<Vec<u8>>> },
    /// The client that `reader` has named has gone.
    Gone { reader: ConnectionId },
}

/// What one core shows.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TrackingFigures {
    pub(crate) clients: u64,
    pub(crate) keys: u64,
    pub(crate) items: u64,
    pub(crate) prefixes: u64,
    /// Invalidations that clients of this core were told.
    pub(crate) told: u64,
}

/// What one core knows of clients that keep copies.
#[derive(Debug, Default)]
pub(crate) struct Trackers {
    pub(super) table: Table,
    /// Keys that all cores together may remember; 0: as many as ever.
    pub(super) keys_max: usize,
    told: u64,
    flushes: Flushes,
    /// Cores that took no mail when they were to hear of a key: they hear that all keys have changed.
    behind: BTreeSet<u16>,
    /// As that, of clients that others have named: the core, the client, and who has named it.
    redirected_behind: BTreeSet<(u16, ConnectionId, ConnectionId)>,
}

impl NodeCore {
    pub(crate) fn tracking_figures(&self) -> TrackingFigures {
        let table = &self.trackers.table;
        TrackingFigures {
            clients: self.clients.iter().filter(|client| client.tracking.is_some()).count() as u64,
            keys: table.keys_count() as u64,
            items: table.readers_count() as u64,
            prefixes: self.pubsub.registry.borrow().names_count(Kind::Prefix) as u64,
            told: self.trackers.told,
        }
    }

    /// Looks whether anybody still wants to hear of changes: to be called every tick.
    pub(crate) fn tick_tracking(&mut self, io: &mut Io) {
        let is_wanted = !self.trackers.table.is_empty()
            || self.pubsub.registry.borrow().names_count(Kind::Prefix) > 0;
        self.engine.tell_changes(is_wanted);
        // Other cores may need their parts of the limit by now.
        self.forget_oldest();
        if self.may_broadcast() {
            return;
        }
        // Keys have gone to other nodes, and changes of them are not heard here any more.
        let is_broadcast = |client: &&Client| {
            client.tracking.as_ref().is_some_and(|tracking| tracking.options.is_broadcast)
        };
        let listening: Vec<ConnectionId> =
            self.clients.iter().filter(is_broadcast).map(|client| client.connection).collect();
        listening.into_iter().for_each(|connection| io.close(connection));
    }

    // ---- changes

    /// Tells the changes that the log has released.
    pub(crate) fn invalidate(&mut self, io: &mut Io) {
        let mut own = std::mem::take(&mut self.invalid);
        while let Some(change) = self.engine.take_change() {
            match change {
                Change::Key { key, by, position } => {
                    let readers = self.trackers.table.changed(&key, position);
                    self.tell_readers(&key, readers, by);
                    let cores = self.pubsub.registry.borrow().prefix_cores(&key, self.index);
                    for core in cores {
                        self.tell_core(core, Invalid::Prefixed { key: key.clone(), by });
                    }
                }
                Change::All => {
                    self.trackers.table.clear();
                    self.tell_cores(|| Invalid::All);
                }
                Change::Flushed(id) => {
                    self.trackers.table.clear();
                    self.tell_cores(|| Invalid::Flushed(id, None));
                }
                Change::AllFlushed(id, cores) => {
                    self.tell_cores(|| Invalid::Flushed(id, Some(cores)));
                }
            }
        }
        own.append(&mut self.invalid);
        if !own.is_empty() {
            self.take_invalid(io, &own);
        }
    }

    pub(super) fn tell_readers(
        &mut self,
        key: &[u8],
        readers: Vec<Reader>,
        by: Option<(u16, u64)>,
    ) {
        for Reader { core, connection, .. } in readers {
            self.tell_core(core, Invalid::Read { connection, key: key.to_vec(), by });
        }
    }

    fn tell_cores(&mut self, invalid: impl Fn() -> Invalid) {
        for core in 0..u16::try_from(self.links.len()).unwrap_or(u16::MAX) {
            self.tell_core(core, invalid());
        }
    }

    fn tell_core(&mut self, core: u16, invalid: Invalid) {
        if core == self.index {
            return self.invalid.push(invalid);
        }
        let link = &mut self.links[usize::from(core)];
        let invalids = &mut link.open.replies.invalid;
        if matches!(invalid, Invalid::Flushed(..)) {
            // They are counted, and few.
            return invalids.push(invalid);
        }
        if self.trackers.behind.contains(&core) {
            return;
        }
        if link.backlog.len() >= BACKLOG_BATCHES_MAX || invalids.len() >= INVALID_MAX {
            self.trackers.behind.insert(core);
            return;
        }
        invalids.push(invalid);
    }

    /// Tells cores that take mail again that all keys have changed, and clients that others have named: to be called before mail is posted.
    pub(crate) fn catch_up(&mut self) {
        let links = &mut self.links;
        self.trackers.behind.retain(|&core| {
            let link = &mut links[usize::from(core)];
            let has_room = link.has_room();
            if has_room {
                link.open.replies.invalid.push(Invalid::All);
            }
            !has_room
        });
        self.trackers.redirected_behind.retain(|&(core, target, reader)| {
            let link = &mut links[usize::from(core)];
            let has_room = link.has_room();
            if has_room {
                let mail = RedirectMail::Keys { target, reader, keys: None };
                link.backlog.push_back(Mail::Redirect(Box::new(mail)));
            }
            !has_room
        });
    }

    /// What this core's clients have read has changed.
    pub(crate) fn take_invalid(&mut self, io: &mut Io, all: &[Invalid]) {
        // As in Redis, the keys of each prefix are a message of their own, which names each once.
        let mut prefixed: BTreeMap<(ConnectionId, &[u8]), BTreeSet<&[u8]>> = BTreeMap::new();
        for invalid in all {
            match invalid {
                Invalid::Read { connection, key, by } => {
                    if !self.is_broadcast(*connection)
                        && self.hears(*connection, *by)
                        && !self.tells_later(*connection, Some(key))
                    {
                        self.tell_invalid(io, *connection, Some(&[key]));
                    }
                }
                // Another read may be under way by now. It began behind the change.
                Invalid::Late { connection, key: Some(key) } => {
                    if !self.is_broadcast(*connection) {
                        self.tell_invalid(io, *connection, Some(&[key]));
                    }
                }
                Invalid::Late { connection, key: None } => {
                    self.tell_invalid(io, *connection, None::<&[&[u8]]>);
                }
                Invalid::Prefixed { key, by } => {
                    let own = self.pubsub.registry.borrow().own_prefixes(key);
                    for (connection, length) in own {
                        let keys = prefixed.entry((connection, &key[..length])).or_default();
                        // Whether it hears of its own is asked when all are known.
                        if *by != Some((self.index, word_of(connection)))
                            || !self.no_loop(connection)
                        {
                            keys.insert(key);
                        }
                    }
                }
                Invalid::AllOf(connection) => self.tell_all_invalid(io, *connection),
                Invalid::Flushed(id, cores) => {
                    let flushes = &mut self.trackers.flushes;
                    if flushes.take(*id, *cores) || flushes.overflow() {
                        self.take_invalid(io, &[Invalid::All]);
                    }
                }
                Invalid::All => {
                    let clients = self.clients.iter().filter(|client| client.tracking.is_some());
                    let clients: Vec<ConnectionId> =
                        clients.map(|client| client.connection).collect();
                    for connection in clients {
                        self.tell_all_invalid(io, connection);
                    }
                }
            }
        }
        for ((connection, _), keys) in prefixed {
            if !keys.is_empty() {
                let keys: Vec<&[u8]> = keys.into_iter().collect();
                self.tell_invalid(io, connection, Some(&keys));
            }
        }
    }

    fn tell_all_invalid(&mut self, io: &mut Io, connection: ConnectionId) {
        if !self.tells_later(connection, None) {
            self.tell_invalid(io, connection, None::<&[&[u8]]>);
        }
    }

    /// Whether a client is told of a change behind the answer of the read that it waits for, which may be of before: told ahead of it, it would keep
    /// what it reads then. `None`: all keys have changed.
    fn tells_later(&mut self, connection: ConnectionId, key: Option<&Vec<u8>>) -> bool {
        let client = self.clients.get(connection);
        // What waits for something to come may wait for long.
        let client = client.filter(|client| client.hold != Hold::Blocked);
        let Some(tracking) = client.and_then(|client| client.tracking.as_mut()) else {
            return false;
        };
        match key {
            _ if tracking.reading.is_empty() => return false,
            Some(key) if tracking.reading.binary_search(key).is_err() => return false,
            Some(key) => drop(tracking.unheard.insert(key.clone())),
            None => tracking.is_all_unheard = true,
        }
        true
    }

    /// Whether a client hears of all keys: what it read before it chose to is of no use to it.
    fn is_broadcast(&mut self, connection: ConnectionId) -> bool {
        let client = self.clients.get(connection);
        client
            .and_then(|client| client.tracking.as_ref())
            .is_some_and(|tracking| tracking.options.is_broadcast)
    }

    fn no_loop(&mut self, connection: ConnectionId) -> bool {
        let client = self.clients.get(connection);
        client.and_then(|client| client.tracking.as_ref()).is_some_and(|it| it.options.no_loop)
    }

    /// Whether a client hears of a change that was made by that one.
    fn hears(&mut self, connection: ConnectionId, by: Option<(u16, u64)>) -> bool {
        by != Some((self.index, word_of(connection))) || !self.no_loop(connection)
    }

    /// Tells one client, or whom it has named, that keys have changed; `None`: all of them.
    fn tell_invalid<K: AsRef<[u8]>>(
        &mut self,
        io: &mut Io,
        connection: ConnectionId,
        keys: Option<&[K]>,
    ) {
        let Some(client) = self.clients.get(connection) else { return };
        let Some(tracking) = &client.tracking else { return };
        let Some(Target { core, connection: target, .. }) = tracking.target else {
            if client.session.protocol == Protocol::Resp3 {
                self.trackers.told += 1;
                let mut frames = Frames::default();
                self.push(io, connection, None, |protocol| {
                    frames.of(protocol, |encoder| invalidated(encoder, keys))
                });
            }
            return;
        };
        let keys = keys.map(|keys| keys.iter().map(|key| key.as_ref().to_vec()).collect());
        let mail = RedirectMail::Keys { target, reader: connection, keys };
        if core == self.index {
            self.take_redirect(io, core, mail);
        } else if !self.links[usize::from(core)].has_room() {
            self.trackers.redirected_behind.insert((core, target, connection));
        } else {
            self.links[usize::from(core)].backlog.push_back(Mail::Redirect(Box::new(mail)));
        }
    }

    pub(crate) fn take_redirect(&mut self, io: &mut Io, from: u16, mail: RedirectMail) {
        match mail {
            RedirectMail::Keys { target, reader, keys } => {
                let Some(client) = self.clients.get(target) else {
                    let gone = RedirectMail::Gone { reader };
                    if from == self.index {
                        return self.take_redirect(io, from, gone);
                    }
                    let mail = Mail::Redirect(Box::new(gone));
                    return self.links[usize::from(from)].backlog.push_back(mail);
                };
                let protocol = client.session.protocol;
                if protocol == Protocol::Resp2 && client.subscriptions.is_none() {
                    return;
                }
                self.trackers.told += 1;
                let mut frames = Frames::default();
                self.push(io, target, None, |protocol| {
                    frames.of(protocol, |encoder| match protocol {
                        Protocol::Resp3 => invalidated(encoder, keys.as_deref()),
                        Protocol::Resp2 | Protocol::Memcached => {
                            encoder.array(3);
                            encoder.bulk(b"message");
                            encoder.bulk(CHANNEL);
                            names(encoder, keys.as_deref());
                        }
                    })
                });
            }
            RedirectMail::Gone { reader } => {
                let Some(client) = self.clients.get(reader) else { return };
                let Some(tracking) = &mut client.tracking else { return };
                tracking.is_broken = true;
                let number = tracking.target.map_or(0, |target| target.number);
                if client.session.protocol == Protocol::Resp3 {
                    let mut frames = Frames::default();
                    self.push(io, reader, None, |protocol| {
                        frames.of(protocol, |encoder| {
                            encoder.push(2);
                            encoder.bulk(b"tracking-redir-broken");
                            encoder.integer(i64::try_from(number).unwrap_or(i64::MAX));
                        })
                    });
                }
            }
        }
    }

    // ---- clients

    /// A client tracks from now on as it has chosen, or no more.
    pub(crate) fn set_tracking(&mut self, client: &mut Client, tracking: Option<Tracking>) {
        self.end_read(client);
        let prefixes = |tracking: &Option<Box<Tracking>>| {
            tracking.as_ref().map_or_else(Vec::new, |it| it.options.prefixes.clone())
        };
        let before = prefixes(&client.tracking);
        client.tracking = tracking.map(Box::new);
        let now = prefixes(&client.tracking);
        for prefix in before.iter().filter(|prefix| !now.contains(prefix)) {
            self.note_listener(client.connection, Kind::Prefix, prefix, false);
        }
        for prefix in now.iter().filter(|prefix| !before.contains(prefix)) {
            self.note_listener(client.connection, Kind::Prefix, prefix, true);
        }
        if !now.is_empty() {
            self.engine.tell_changes(true);
        }
    }
}

/// A client as the engine names it beside its core.
fn word_of(connection: ConnectionId) -> u64 {
    u64::from(connection.index) << 32 | u64::from(connection.generation)
}

fn invalidated<K: AsRef<[u8]>>(encoder: &mut Encoder<'_>, keys: Option<&[K]>) {
    encoder.push(2);
    encoder.bulk(b"invalidate");
    names(encoder, keys);
}

fn names<K: AsRef<[u8]>>(encoder: &mut Encoder<'_>, keys: Option<&[K]>) {
    match keys {
        Some(keys) => {
            encoder.array(keys.len());
            keys.iter().for_each(|key| encoder.bulk(key.as_ref()));
        }
        None => encoder.null(),
    }
}
