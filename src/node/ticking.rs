//! Owns what happens every tick, and the coming and going of clients.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use hyperion_cluster::config::{Reads as ConfigReads, Size};
use hyperion_engine::{Durability, Reads, Settings};
use hyperion_model::Databases;
use hyperion_model::limits::{DATABASES, SWEEP_BUCKETS, SWEEP_REMOVALS_A_TURN};
use hyperion_runtime::{ConnectionId, Socket};
use hyperion_store::Lookups;
use hyperion_wire::peer::Kind;

use super::Io;
use super::core::NodeCore;
use super::figures::{Baseline, CoreFigures, Counters};
use super::messages::Mail;
use super::rates::{Rate, Rates};
use crate::cluster::MOVE_BYTES_A_SECOND;
use crate::config::{Durability as ConfigDurability, Resolved};
use crate::front::client::Hold;
use crate::front::tls::NO_TLS_LINE;
use crate::front::{Arrival, Client, Ending};

/// Ticks of the groups, of 10 ms, between those of everything else.
pub(super) const GROUP_TICKS: u32 = 10;
/// The protocol version from which nodes know entries that amend values in chunks.
const AMENDING_PROTOCOL: u16 = 2;
/// Ticks of the groups between two looks at where their replicas should be.
const RECONCILE_TICKS: u32 = 5;
const TOO_MANY_CLIENTS: &[u8] = b"-ERR max number of clients reached\r\n";

/// The engine's settings out of the node's.
pub(super) fn engine_settings(config: &Resolved) -> Settings {
    let cores = config.cores.len().max(1) as u64;
    Settings {
        durability: match config.settings().durability {
            ConfigDurability::Always => Durability::Always,
            ConfigDurability::Interval => Durability::Interval,
            ConfigDurability::Never => Durability::Never,
        },
        reads: match config.settings().reads {
            ConfigReads::Lease => Reads::Lease,
            ConfigReads::Quorum => Reads::Quorum,
        },
        memory_bytes_max: config.memory_bytes_max / cores,
        tight_bytes: config.tight_bytes().map(|bytes| bytes / cores),
        eviction: config.eviction,
        value_bytes_max: config.value_bytes_max,
        thresholds: config.settings().thresholds,
    }
}

/// What one core may send in a second for moves.
pub(super) fn send_bytes_a_second(config: &Resolved) -> u64 {
    let told = config.settings().moves.bytes_a_second.as_ref().map(Size::bytes);
    told.unwrap_or(MOVE_BYTES_A_SECOND) / config.cores.len().max(1) as u64
}

/// Bytes that wait for a client, here and at the ring.
pub(crate) fn pending_bytes(io: &Io, client: &Client) -> usize {
    client.output.len() + io.unsent_bytes(client.connection)
}

impl NodeCore {
    // ---- ticks

    /// After a power cut: notes when the groups of all cores have caught up.
    fn tick_power(&mut self) {
        if !self.may_be_cut || self.unformed.is_some() || self.engine.is_in_doubt() {
            return;
        }
        self.may_be_cut = false;
        let Some(power) = self.shared.power.clone().filter(|power| power.core_has_all()) else {
            return;
        };
        // A file that is synced, which no core waits for.
        let note = move || match power.note() {
            Ok(()) => tracing::info!("the log has all again that a power cut may have taken"),
            Err(error) => tracing::warn!("BOOT cannot be written: {error}"),
        };
        if let Err(error) = std::thread::Builder::new().name("boot".to_owned()).spawn(note) {
            tracing::warn!("BOOT is not written, no thread can be made: {error}");
        }
    }

    /// After a repair: tells where this node's word is all there is, and when it is worth as much as the others' again.
    fn tell_repaired(&mut self) {
        if self.unformed.is_some() || self.repaired_left == Some(0) {
            return;
        }
        for group in self.engine.take_led_repaired() {
            tracing::error!(
                "group {} goes on with what was saved of it here: all its copies were repaired, and what this one has lost is lost",
                group.0
            );
        }
        let left = self.engine.repaired_replicas();
        if left == 0 && self.repaired_left.is_some() {
            tracing::info!("core {}: all that was repaired is whole again", self.index);
        }
        self.repaired_left = Some(left);
    }

    /// What the groups want every tick; whether it is time for all else too.
    pub(super) fn ticks_all(&mut self, io: &mut Io) -> bool {
        self.tick_power();
        if self.view.is_none() {
            return true;
        }
        if let Some(peers) = &self.peers {
            let protocol = peers.least_protocol();
            self.engine.set_amending(protocol >= AMENDING_PROTOCOL);
            self.engine.set_all_tell_leave(protocol >= Kind::Leaving.protocol());
        }
        self.engine.tick_groups();
        self.snapshot.tick();
        self.tick_peers(io);
        self.tick_forwarding(io);
        self.tick_placed();
        self.tick_leaving(io);
        self.tick_room(io);
        self.bulk.go_on();
        if !self.parked.is_empty() || !self.held.is_empty() {
            self.retry_held(io);
        }
        self.ticks += 1;
        if self.ticks.is_multiple_of(RECONCILE_TICKS) {
            self.engine.reconcile();
        }
        let is_time = self.ticks >= GROUP_TICKS;
        if is_time {
            self.ticks = 0;
            self.tell_repaired();
            self.end_late_forwarded(io);
            self.ask_around(io);
            self.tell_leaders();
            self.tell_leave();
            self.follow_told(io);
            self.tend_members();
        }
        is_time
    }

    pub(super) fn tick_all(&mut self, io: &mut Io) {
        if let Some(told) = self.long_turns.tell(io.now_ns()) {
            tracing::warn!("core {}: {told}", self.index);
        }
        self.sweep_expired();
        self.engine.cool();
        self.tend_placed(io);
        self.tick_memory();
        self.upkeep.ticked(self.engine.is_memory_exceeded(), io.now_unix_ms());
        self.snapshot.tick();
        self.free_segments(io);
        self.tick_supply(io);
        self.tick_http(io);
        self.wake_sleepers(io);
        self.close_idle(io);
        self.tick_tracking(io);
        self.empty_when_due(io);
        self.send_gathered();
        self.tick_buffers();
        if !self.parked.is_empty() || !self.held.is_empty() {
            self.retry_held(io);
        }
        self.keys = self.engine.store().figures().keys;
        let totals = Rate {
            commands: self.counters.commands.iter().sum(),
            bytes_in: io.stats().bytes_in,
            bytes_out: io.stats().bytes_out,
        };
        self.rates.sample(totals, io.now_ns());
        let figures = self.figures(io);
        self.shared.board.show(usize::from(self.index), figures);
    }

    /// Looks through a part of the index for expired keys. Where it finds many it goes on in the next turn, and in all that follow
    /// until it finds few: a little each turn, so that a million keys that expire at once delay nobody.
    pub(super) fn sweep_expired(&mut self) -> bool {
        if self.engine.is_applying() || self.observer.keeps_expired {
            return false;
        }
        let since = Instant::now();
        let engine = &mut self.engine;
        let swept = self.turn.expiring(|| {
            let swept = engine.store_mut().sweep(SWEEP_BUCKETS, SWEEP_REMOVALS_A_TURN);
            engine.bury_expired();
            engine.sweep_fields();
            swept
        });
        self.note_latency("expire-cycle", self.observer.latencies.is_on().then_some(since));
        self.finds_expired = swept.removed * 10 > swept.looked_at && swept.removed > 0;
        self.upkeep.swept(swept.looked_at, swept.removed, self.finds_expired, since.elapsed());
        self.finds_expired
    }

    /// Notes how long something took that began then, if anybody asked for it.
    pub(super) fn note_latency(&mut self, event: &'static str, since: Option<Instant>) {
        if let Some(since) = since {
            let now_ms = self.engine.store().now_ms();
            self.observer.latencies.note(event, since.elapsed(), now_ms);
        }
    }

    /// Lets answers leave that have waited for other cores' since the last tick.
    fn send_gathered(&mut self) {
        for connection in std::mem::take(&mut self.gathering) {
            let Some(client) = self.clients.get(connection) else { continue };
            client.is_gathering = false;
            client.is_overdue = true;
            if !client.is_dirty {
                client.is_dirty = true;
                self.dirty.push(connection);
            }
        }
    }

    fn wake_sleepers(&mut self, io: &mut Io) {
        let now_ns = io.now_ns();
        let due: Vec<_> = self.wakes.extract_if(.., |wake| wake.at_ns <= now_ns).collect();
        for wake in due {
            self.wake(io, &wake);
        }
    }

    fn close_idle(&mut self, io: &mut Io) {
        let now_ns = io.now_ns();
        let limits = &self.config.settings().limits;
        let idle_ns = u64::from(limits.idle_timeout_s) * 1_000_000_000;
        let unread_ns = u64::from(limits.write_timeout_s) * 1_000_000_000;
        let output_max = usize::try_from(self.config.output_bytes_max).unwrap_or(usize::MAX);
        let (listener_limit, now_ms) = (self.config.listener_limit, io.now_unix_ms());
        let is_late = |client: &Client| {
            let since_ns =
                now_ns.saturating_sub(io.last_progress_ns(client.connection).unwrap_or(now_ns));
            let is_unread = io.is_sending(client.connection) || client.hold == Hold::Output;
            is_unread && unread_ns > 0 && since_ns > unread_ns
                || idle_ns > 0
                    && since_ns > idle_ns
                    && client.hold == Hold::None
                    && client.subscriptions.is_none()
                || client.over_soft_since_ms.is_some()
                    && listener_limit.is_overdue(client, pending_bytes(io, client), now_ms)
                || client.output.len() > output_max && io.is_sending(client.connection)
        };
        let mut closed_unread = 0;
        let (mut input, mut output) = (0, 0);
        let late: Vec<ConnectionId> = self
            .clients
            .iter()
            .inspect(|client| {
                input = input.max(client.input.len());
                output = output.max(pending_bytes(io, client));
            })
            .filter(|client| is_late(client))
            .inspect(|client| {
                let waiting = pending_bytes(io, client);
                if client.output.len() > output_max {
                    closed_unread += 1;
                    tracing::warn!(
                        "client {} is closed: {waiting} bytes of answers wait for it, more than limits.output_bytes ({output_max}) allows",
                        client.number
                    );
                }
            })
            .map(|client| client.connection)
            .collect();
        self.counters.closed_unread += closed_unread;
        self.upkeep.buffers(input, output, now_ms);
        for connection in late {
            io.close(connection);
        }
    }

    /// Begins to count anew, as CONFIG RESETSTAT has it.
    pub(crate) fn reset_statistics(&mut self, io: &Io) {
        self.counters = Counters::default();
        self.pubsub.counters = Default::default();
        self.engine.store_mut().set_lookups(Lookups::default());
        self.baseline = Baseline { store: self.engine.store().figures(), runtime: *io.stats() };
        self.rates = Rates::default();
        self.upkeep.reset();
    }

    /// What this core shows.
    pub(crate) fn figures(&self, io: &Io) -> CoreFigures {
        let store = self.engine.store();
        let mut databases = [(0, 0, 0); DATABASES as usize];
        for (number, place) in (0..DATABASES).zip(&mut databases) {
            let kept = self.databases.kept(number);
            *place = (store.count(kept), store.expiring(kept), store.life_ms(kept));
        }
        let (mut figures, mut runtime) = (store.figures(), *io.stats());
        self.baseline.apply(&mut figures, &mut runtime);
        CoreFigures {
            counters: self.counters.clone(),
            store: figures,
            memory_bytes: self.engine.memory_bytes(),
            runtime,
            rate: self.rates.a_second(),
            clients: self.clients.len() as u64,
            blocked: (self.blocked_clients() + self.paused_clients()) as u64,
            kept: self.kept_waits() as u64,
            input_bytes: self.input_bytes as u64,
            databases,
            upkeep: self.upkeep.with_lua(self.scripts.lua_bytes()),
            ring_level: io.level().to_string(),
            bulk: self.bulk.figures(self.config.settings().compression.bulk),
            no_segments: self.no_segments.clone(),
            changes: self.snapshot.changes(store),
            pubsub: self.pubsub_figures(),
            tracking: self.tracking_figures(),
            at_ms: io.now_unix_ms(),
        }
    }

    /// Takes a config.
    pub(super) fn apply_config(&mut self, io: &mut Io, config: Arc<Resolved>) {
        self.engine.apply(engine_settings(&config));
        self.engine.set_events(config.events);
        self.engine.set_send_bytes_a_second(send_bytes_a_second(&config));
        self.limits.bulk_bytes_max = config.value_bytes_max;
        self.observer.apply(config.settings());
        let databases = Databases::of(&config.settings().databases).unwrap_or_default();
        if databases != self.databases {
            self.databases_changed(databases);
        }
        let has_new_users = self.config.users != config.users;
        self.config = config;
        // The engine's settings have the core's share alone.
        self.share_memory();
        self.limit_tracked_keys();
        self.read_min_replicas();
        if has_new_users {
            self.users_changed(io);
        }
    }

    /// How many replicas there must be for a write, by the config.
    pub(super) fn read_min_replicas(&mut self) {
        let set = self.config.settings().redis.get("min-replicas-to-write");
        self.min_replicas = set.and_then(|text| text.parse().ok()).unwrap_or(0);
    }

    // ---- clients

    /// Gives a new client to the cores in turn.
    pub(super) fn spread_client(&mut self, io: &mut Io, socket: Socket, arrival: Arrival) {
        let core = self.next_core;
        self.next_core = (self.next_core + 1) % io.cores();
        if core == usize::from(self.index) {
            self.open_client(io, socket, arrival);
        } else {
            self.links[core].backlog.push_back(Mail::Socket(socket, arrival));
        }
    }

    /// A peer has connected: it is heard by one core after the other.
    pub(super) fn spread_peer(&mut self, io: &mut Io, socket: Socket) {
        let core = self.next_core;
        self.next_core = (core + 1) % self.links.len();
        if core == usize::from(self.index) {
            self.open_peer(io, socket);
        } else {
            self.links[core].backlog.push_back(Mail::Peer(socket));
        }
    }

    /// Whether the connection is a peer's.
    pub(super) fn is_peer(&self, connection: ConnectionId) -> bool {
        self.peers.as_ref().is_some_and(|peers| peers.holds(connection))
    }

    /// Takes a client in, unless there are too many.
    pub(crate) fn open_client(
        &mut self,
        io: &mut Io,
        socket: Socket,
        arrival: Arrival,
    ) -> Option<ConnectionId> {
        let shared = Arc::clone(&self.shared);
        let max = self.clients_max();
        if shared.clients.fetch_add(1, Ordering::Relaxed) >= max {
            shared.clients.fetch_sub(1, Ordering::Relaxed);
            self.counters.connections_refused += 1;
            io.refuse(socket, TOO_MANY_CLIENTS);
            return None;
        }
        let opened = match arrival {
            Arrival::OwnCore | Arrival::Plain => io.open(socket),
            Arrival::Secured => self.open_secured(io, socket, NO_TLS_LINE),
        };
        match opened {
            Ok(connection) => {
                if let Some(closed) = self.clients.in_place_of(connection) {
                    self.forget_client(closed);
                }
                self.counters.connections += 1;
                let number = shared.client_numbers.fetch_add(1, Ordering::Relaxed) + 1;
                let mut client = Client::new(
                    connection,
                    number,
                    arrival,
                    io.now_unix_ms(),
                    self.config.users.default_user(),
                );
                client.session.database = self.databases.kept(0);
                self.clients.add(client);
                Some(connection)
            }
            Err(socket) => {
                shared.clients.fetch_sub(1, Ordering::Relaxed);
                self.counters.connections_refused += 1;
                io.refuse(socket, TOO_MANY_CLIENTS);
                None
            }
        }
    }

    pub(super) fn forget_client(&mut self, connection: ConnectionId) {
        if let Some(mut client) = self.clients.remove(connection) {
            self.input_bytes -= client.input.len() + client.input_away;
            self.forget_transaction(&mut client);
            self.drop_input(&mut client);
            self.shared.clients.fetch_sub(1, Ordering::Relaxed);
            self.stop_watching(connection);
            client.output.streams().for_each(|stream| self.end_stream(stream));
            self.drop_subscriptions(&mut client);
            self.end_wait(&mut client, Ending::Gone);
            // What waits for it behind a long answer is not to run before that core knows that it has gone.
            for &core in &client.untaken {
                self.links[usize::from(core)].backlog.push_back(Mail::Taken(connection));
            }
            self.set_tracking(&mut client, None);
            if let Hold::Answer(ticket) = client.hold {
                self.tickets.remove(&ticket);
            }
        }
    }

    /// What was in flight has left: more may be sent, and a client that was held for it goes on.
    pub(super) fn after_send(&mut self, io: &mut Io, connection: ConnectionId) {
        self.take_sent(io, connection);
        self.tell_taken(io, connection);
        let Some(mut client) = self.clients.take(connection) else { return };
        if !client.output.is_empty() || client.is_closing {
            self.dirty(&mut client);
        }
        let is_held = client.hold == Hold::Output;
        self.clients.put_back(client);
        if is_held {
            self.unhold(io, connection, Hold::Output);
        }
    }
}
