//! Owns one core of the node: what the ring brings goes to the front and the engine, what they ask for goes to the ring.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyperion_cluster::group::Beat;
use hyperion_engine::{Effect, Engine, Outgoing, Said, Ticket};
use hyperion_model::{CoreId, Databases, PartitionId};
use hyperion_runtime::{CloseReason, ConnectionId, Core, ListenerId, Socket};
use hyperion_wire::Limits;
use hyperion_wire::peer::{ForwardedReply, Replies};

use super::Io;
use super::clients::Clients;
use super::commit::Commit;
use super::figures::{Baseline, Counters};
use super::growing::Growing;
use super::leaving::Leaving;
use super::links::Link;
use super::members::Members;
use super::messages::{Mail, Note};
use super::rates::Rates;
use super::serving::Unformed;
use super::settling::Settling;
use super::shared::Shared;
use super::stall::{LongTurns, TurnParts};
use super::supply::Supply;
use crate::cluster::ClusterView;
use crate::config::Resolved;
use crate::front::batch::SpareParcels;
use crate::front::{
    Arrival, BlockedCommands, Client, CopyWait, Ending, Foreign, Forwarding, FrontAsk, FrontPart,
    HttpDoor, Lines, Observer, ParkedCommands, Scripts, Seldom, SpareBuffers, Spent, Wake, Wholes,
};
use crate::peers::{Bulk, Peers};
use crate::pubsub::Pubsub;
use crate::snapshot::CorePart;
use crate::tracking::{Invalid, Trackers};

/// What a listener's clients want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// Redis clients of the node.
    Resp,
    /// Redis clients of this core.
    OwnCore,
    /// Those that speak TLS.
    RespTls,
    /// Clients of memcached.
    Memcached,
    /// HTTP.
    Http,
    /// HTTP with TLS.
    HttpTls,
    /// Other nodes.
    Peer,
}

/// One core of the node.
pub(crate) struct NodeCore {
    pub(crate) index: u16,
    pub(crate) engine: Engine,
    pub(crate) shared: Arc<Shared>,
    pub(crate) config: Arc<Resolved>,
    /// Which database has which number.
    pub(crate) databases: Databases,
    pub(crate) limits: Limits,
    /// Who serves what, where there are several nodes.
    pub(crate) view: Option<Arc<ClusterView>>,
    /// The links to other nodes.
    pub(crate) peers: Option<Peers>,
    /// How snapshots go to other nodes.
    pub(crate) bulk: Bulk,
    /// The start that is under way; the first core's.
    pub(super) settling: Option<Settling>,
    /// The groups of this core, until they begin.
    pub(super) unformed: Option<Unformed>,
    /// A power cut may have taken ends of logs that are not all there again.
    pub(super) may_be_cut: bool,
    /// Replicas that a repair saved and that have not caught up, as of the last look.
    pub(super) repaired_left: Option<usize>,
    /// The start is not settled: clients may not have data.
    pub(crate) is_unsettled: bool,
    /// The node becomes a cluster: clients' commands wait.
    pub(crate) growing: Option<Box<Growing>>,
    /// The newest term of each partition without a copy here.
    pub(super) foreign_terms: BTreeMap<PartitionId, u64>,
    /// What this core does about the cluster's members.
    pub(super) members: Members,
    pub(super) outgoing: Vec<Outgoing>,
    /// Kept for its memory.
    pub(super) beats: Vec<(u32, Said, Beat)>,
    /// Ticks of the groups since the last one of everything.
    pub(super) ticks: u32,
    pub(crate) clients: Clients,
    /// How often the log is told of TLS that came to nothing, and of HTTP at other doors.
    pub(super) tls_faults: Seldom,
    pub(crate) web_requests: Seldom,
    /// Clients with something to send.
    pub(crate) dirty: Vec<ConnectionId>,
    /// Clients whose commands wait for the next turn.
    pub(crate) late: Vec<ConnectionId>,
    /// Clients whose commands wait for a change on this core.
    pub(crate) held: Vec<ConnectionId>,
    /// Those of them that something changed for, and that have not tried again.
    pub(crate) retried: Vec<ConnectionId>,
    /// Clients with answers that wait for the log.
    pub(super) waiting: Vec<ConnectionId>,
    /// Clients whose answers wait for other cores' answers.
    pub(super) gathering: Vec<ConnectionId>,
    /// Clients to whom a long string is on its way.
    pub(crate) streaming: Vec<ConnectionId>,
    /// A command has written a part of a long string, and goes on in the next turn.
    pub(crate) is_unfinished: bool,
    /// Clients that wait for a time of the core's clock.
    pub(crate) wakes: Vec<Wake>,
    /// Why no segment can be made, if so.
    pub(super) no_segments: Option<String>,
    pub(super) room: super::room::Room,
    pub(crate) parked: ParkedCommands,
    /// Commands that wait for keys of this core.
    pub(crate) blocked: BlockedCommands,
    /// Commands of its clients that wait on several cores.
    pub(crate) scattered: crate::front::ScatteredCommands,
    /// And at the leaders of partitions.
    pub(crate) placed: crate::front::PlacedCommands,
    pub(crate) links: Vec<Link>,
    /// What it has for clients of other nodes.
    pub(crate) foreign: Foreign,
    /// What other nodes are to do for its clients, and what it does in their place.
    pub(crate) forwarding: Forwarding,
    pub(crate) wholes: Wholes,
    /// Who listens to which channel.
    pub(crate) pubsub: Pubsub,
    /// Who has read which key, and what this core's clients are to be told of changes.
    pub(crate) trackers: Trackers,
    pub(crate) invalid: Vec<Invalid>,
    /// Who waits for copies on other nodes.
    pub(crate) copy_waits: Vec<CopyWait>,
    pub(crate) own_answers: Vec<ForwardedReply<'static>>,
    pub(crate) spare_parcels: SpareParcels,
    pub(crate) tickets: BTreeMap<Ticket, ConnectionId>,
    pub(crate) tickets_given: u64,
    /// Questions about clients that are under way: parts that are missing, parts that came.
    pub(crate) asks: BTreeMap<Ticket, (usize, Vec<FrontPart>)>,
    pub(crate) http: HttpDoor,
    pub(crate) http_late: Vec<(ConnectionId, Vec<u8>)>,
    pub(super) doors: Vec<(ListenerId, Door)>,
    pub(crate) next_core: usize,
    pub(super) commit: Commit,
    pub(super) supply: Supply,
    pub(crate) snapshot: CorePart,
    pub(crate) counters: Counters,
    /// What it notes for those who ask later.
    pub(crate) observer: Observer,
    /// Its Lua machine, and scripts on their way.
    pub(crate) scripts: Scripts,
    pub(super) baseline: Baseline,
    pub(super) rates: Rates,
    pub(crate) commands_run: u64,
    /// Unread input of all clients.
    pub(crate) input_bytes: usize,
    /// Commands of all clients that wait for EXEC.
    pub(crate) queued_bytes: usize,
    /// Long input buffers on their way back to the system.
    pub(crate) spent: Spent,
    /// A script on another core kept the node busy when the turn began.
    pub(crate) is_busy: bool,
    /// Replicas without which nothing is written, by `min-replicas-to-write`, and that there were fewer when the turn began.
    pub(crate) min_replicas: usize,
    pub(crate) lacks_replicas: bool,
    /// And those that wait for the next long command or answer.
    pub(crate) spare_buffers: SpareBuffers,
    /// Keys of this core, a tick old.
    pub(crate) keys: u64,
    pub(crate) lines: Lines,
    pub(super) effects: Vec<Effect>,
    pub(super) spare: Vec<u8>,
    pub(super) random: u64,
    pub(super) stopping: bool,
    /// The node is about to stop, and leads go over first.
    pub(super) leaving: Option<Leaving>,
    pub(super) begun: bool,
    /// The time was told in this turn after all mail of this core had come.
    pub(super) told_for: Option<u16>,
    pub(crate) turn: TurnParts,
    pub(super) long_turns: LongTurns,
    pub(super) upkeep: super::upkeep::Upkeep,
    /// Memory is short, and there was more to evict than the last turn had time for.
    pub(super) is_evicting: bool,
    /// Memory of other cores that a command waits for.
    pub(super) claim: super::memory::Claim,
    /// The last look for expired keys found many.
    pub(super) finds_expired: bool,
}

impl NodeCore {
    /// Begins the turn once, before the first thing that happens in it: with those for whom the last one had no time.
    #[inline]
    fn begin(&mut self, io: &mut Io) {
        if !self.begun {
            self.begun = true;
            self.turn.begin(self.commands_run, self.counters.writes.sum_ns);
            self.engine.begin_turn(io.now_unix_ms());
            self.is_busy = self.shared.running.is_busy();
            self.lacks_replicas = self.min_replicas > 0 && self.good_replicas() < self.min_replicas;
            let is_paused = self.observer.is_paused && self.observer.pause.holds(io.now_unix_ms());
            self.engine.store_mut().keep_expired(is_paused);
            if self.engine.has_tight_limit() {
                self.is_evicting = self.engine.evict_slice();
            }
            self.tell_time();
            self.engine.go_on_with_units();
            if !self.late.is_empty() {
                self.run_late(io);
            }
        }
    }

    /// The client has something to send, or is to be closed.
    #[inline]
    pub(crate) fn dirty(&mut self, client: &mut Client) {
        if !client.is_dirty {
            client.is_dirty = true;
            self.dirty.push(client.connection);
        }
    }

    /// Other nodes that are reached.
    fn good_replicas(&self) -> usize {
        let Some(view) = &self.view else { return 0 };
        let nodes = view.nodes.iter().enumerate();
        nodes.filter(|(number, node)| *number != view.own && node.is_up).count()
    }

    /// Random bits.
    pub(crate) fn draw(&mut self) -> u64 {
        self.random =
            self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.random ^ (self.random >> 29)
    }
}

impl Core for NodeCore {
    type Mail = Mail;
    type Note = Note;

    fn accepted(&mut self, io: &mut Io, listener: ListenerId, socket: Socket) {
        let door = self.doors.iter().find(|(id, _)| *id == listener).map(|(_, door)| *door);
        match door {
            Some(Door::Http) => self.open_http(io, socket, false),
            Some(Door::HttpTls) => self.open_http(io, socket, true),
            Some(Door::OwnCore) => {
                self.open_client(io, socket, Arrival::OwnCore);
            }
            Some(Door::Resp) => self.spread_client(io, socket, Arrival::Plain),
            Some(Door::RespTls) => self.spread_client(io, socket, Arrival::Secured),
            Some(Door::Memcached) => self.spread_memcached(io, socket),
            Some(Door::Peer) => self.spread_peer(io, socket),
            None => drop(socket),
        }
    }

    fn received(&mut self, io: &mut Io, connection: ConnectionId, bytes: &[u8]) {
        self.begin(io);
        if self.http.holds(connection) {
            self.feed_http(io, connection, bytes);
        } else if self.is_peer(connection) {
            self.feed_peer(io, connection, bytes);
        } else {
            self.feed(io, connection, bytes);
        }
    }

    fn filled(&mut self, io: &mut Io, connection: ConnectionId, buffer: Vec<u8>, bytes: usize) {
        self.begin(io);
        if self.is_peer(connection) {
            self.filled_peer(io, connection, buffer, bytes);
        } else {
            self.filled_input(io, connection, buffer, bytes);
        }
    }

    fn secured(&mut self, io: &mut Io, connection: ConnectionId) {
        if self.is_peer(connection) {
            self.begin(io);
            self.secured_peer(io, connection);
        }
    }

    fn insecure(&mut self, io: &mut Io, connection: ConnectionId, why: &str) {
        if self.is_peer(connection) {
            self.begin(io);
            return self.insecure_peer(io, connection, why);
        }
        if let Some(told) = self.tls_faults.tell(io.now_ns()) {
            tracing::warn!("TLS with {} has ended: {why}{told}", io.peer(connection));
        }
    }

    fn ended(&mut self, io: &mut Io, connection: ConnectionId) {
        self.begin(io);
        if self.http.holds(connection) {
            return self.ended_http(io, connection);
        }
        if self.is_peer(connection) {
            return io.close(connection);
        }
        let Some(mut client) = self.clients.take(connection) else { return };
        client.has_ended = true;
        if self.end_wait(&mut client, Ending::Gone) {
            self.clients.put_back(client);
            return io.close(connection);
        }
        self.run_kept(io, &mut client);
        self.clients.put_back(client);
    }

    fn sent(&mut self, io: &mut Io, connection: ConnectionId) {
        self.begin(io);
        if !self.is_peer(connection) {
            self.after_send(io, connection);
        }
    }

    fn closed(&mut self, io: &mut Io, connection: ConnectionId, why: CloseReason) {
        if self.is_peer(connection) {
            self.begin(io);
            return self.closed_peer(io, connection, why);
        }
        self.forget_client(connection);
        self.closed_http(connection);
    }

    fn mail(&mut self, io: &mut Io, from: usize, mail: Mail) {
        let from = u16::try_from(from).expect("cores are counted in 16 bits");
        let is_told = !self.begun || self.told_for == Some(from);
        self.begin(io);
        self.turn.mailed();
        // It may have been posted in the midst of this turn: no lease that was over by then answers it, and the silence that a leader's
        // heartbeat asks for is counted from now. All mail of a core that a turn takes had come before the first of it is taken.
        if !is_told {
            self.tell_time();
        }
        self.told_for = Some(from);
        match mail {
            Mail::Parcel(parcel) => self.unpack(io, from, parcel),
            Mail::Engine(mail) => {
                self.engine.mail(CoreId(from), mail);
                self.serve_blocked();
            }
            Mail::Offer(connection) => self.scattered_offer(connection, from),
            Mail::EndWait(connection, ending) => self.end_wait_of(from, connection, ending),
            Mail::Socket(socket, arrival) => {
                self.open_client(io, socket, arrival);
            }
            Mail::MemcachedSocket(socket) => self.open_memcached(io, socket),
            Mail::Ask(ticket, FrontAsk::Copies(wanted)) => {
                self.begin_copy_wait(io, from, ticket, wanted);
            }
            Mail::Ask(ticket, ask) => {
                let part = self.answer_ask(io, &ask);
                self.links[usize::from(from)].backlog.push_back(Mail::Part(ticket, part));
            }
            Mail::Part(ticket, part) => self.ask_part(io, ticket, part),
            Mail::Stream(mail) => self.stream_mail(io, from, mail),
            Mail::Peer(socket) => self.open_peer(io, socket),
            Mail::Raft(messages) => {
                messages.into_iter().for_each(|(group, message)| self.step(group, *message));
            }
            Mail::Beats(node, said, beats) => self.hear_beats(node, said, &beats),
            Mail::Told(node, told) => self.told(io, node, told),
            Mail::Epoch(node, epoch) => self.take_epoch(node, epoch),
            Mail::Facts { node, ahead_ms, memory_bytes } => {
                self.hear_facts(node, ahead_ms, memory_bytes);
            }
            Mail::Votes(founding) => self.begin_groups(io, founding.as_deref()),
            Mail::Settled(founding) => {
                self.begin_groups(io, founding.as_deref());
                self.is_unsettled = false;
            }
            Mail::Propose(node, number, config) => self.propose(Some(node), number, &config),
            Mail::Cluster(state) => self.follow_cluster(io, &state),
            Mail::Reports(reports) => self.hear_reports(&reports),
            Mail::Hosted(partition, is_here) => self.note_hosted(partition, is_here),
            Mail::Snapshot(mail) => self.take_snapshot_mail(*mail),
            Mail::Leaving(node, valid_ms) => self.note_leave(node, valid_ms),
            Mail::Leader(partition, leader) => self.note_leader(partition, leader),
            Mail::Foreign(node, commands) => self.take_foreign(node, commands),
            Mail::Track(track) => self.take_track(from, &track),
            Mail::Redirect(mail) => self.take_redirect(io, from, *mail),
            Mail::Channels(bundle) => self.take_bundle(io, from, &bundle),
            Mail::Slow(connection, slow) => self.slow_elsewhere(io, connection, slow),
            Mail::Shown(shown) => self.take_shown(io, &shown),
            Mail::Taken(connection) => self.answer_taken(from, connection),
            Mail::Unwatched => self.observer.watch.count(usize::from(from), false),
            Mail::ForeignReplies(replies) => self.take_foreign_replies(io, Replies { replies }),
        }
    }

    fn note(&mut self, io: &mut Io, note: Note) {
        self.begin(io);
        match note {
            Note::Supplied(supplied) => self.supplied(io, supplied),
            Note::Http(number, bytes) => self.answer_http(io, number, bytes),
            Note::Config(config, taken) => {
                self.apply_config(io, config);
                self.follow_nodes(io);
                // Nobody waits any more when the sender's time is up.
                let _ = taken.send(());
            }
            Note::Amended(ticket, result) => self.config_amended(io, ticket, *result),
            Note::Snapshot(note) => self.snapshot_note(note),
            Note::Dialed(dialed) => self.peer_dialed(io, dialed),
            Note::Packed(packed) => self.part_packed(&packed),
            Note::Unpacked(unpacked) => self.peer_unpacked(io, unpacked),
            Note::Propose(number, config) => self.propose(None, number, &config),
            Note::Grow(step, done) => self.grow(io, step, done),
            Note::Stop => self.begin_stop(io),
            Note::StopNow => self.stopping = true,
        }
    }

    fn file_done(&mut self, io: &mut Io, token: u64, result: io::Result<()>) {
        self.begin(io);
        self.synced(io, token, result);
    }

    fn tick(&mut self, io: &mut Io) {
        self.begin(io);
        let since = Instant::now();
        if self.ticks_all(io) {
            self.tick_all(io);
        }
        self.turn.ticked(since);
    }

    fn turn_end(&mut self, io: &mut Io) {
        self.begin(io);
        self.end_turn(io);
        (self.begun, self.told_for) = (false, None);
    }

    fn stalled(&mut self, _: &mut Io, wall_ns: u64, processor_ns: u64) {
        let (commands, writes_ns) = (self.commands_run, self.counters.writes.sum_ns);
        let causes = || self.turn.causes((wall_ns, processor_ns), commands, writes_ns);
        tracing::debug!("core {}: a turn took {}", self.index, causes());
        self.long_turns.note(wall_ns, causes);
        let now_ms = self.engine.store().now_ms();
        self.observer.latencies.note("turn", Duration::from_nanos(wall_ns), now_ms);
    }
}
