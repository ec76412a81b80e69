//! Owns the making of one core on its own thread: its data back in memory, its files on its ring, its listeners.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use hyperion_engine::Engine;
use hyperion_model::collections::Set;
use hyperion_model::{CoreId, Databases, PartitionMap, TransactionId};
use hyperion_runtime::Keeper;
use hyperion_runtime::arena::ArenaView;
use hyperion_store::{BatchPlace, Ending, Options, Store, cuts};
use hyperion_wire::Limits;

use super::Io;
use super::clients::Clients;
use super::commit::{Commit, SegmentFile};
use super::core::{Door, NodeCore};
use super::cut_back::{make_void, read_again};
use super::error::NodeError;
use super::figures::Counters;
use super::links::Link;
use super::members::Members;
use super::migrate::Written;
use super::open::{Data, Loaded, Loading, load};
use super::segment_files::write_out;
use super::serving::Unformed;
use super::settling::Settling;
use super::shared::Shared;
use super::stall::{LongTurns, TurnParts};
use super::start::unix_ms;
use super::supply::{Supply, core_folder, make_segment, open_direct};
use super::taken::retry_taken;
use super::ticking::engine_settings;
use crate::cluster::Setup;
use crate::config::{Durability, Resolved};
use crate::front::batch::SpareParcels;
use crate::front::{Foreign, Forwarding, HttpDoor, Lines, Observer, Scripts, Wholes};
use crate::http::HttpSide;
use crate::peers::{Bulk, Peers};
use crate::snapshot::CorePart;

const UNIX_SOCKET_MODE: u32 = 0o700;

/// Where the cores meet while they start.
#[derive(Debug, Default)]
pub(super) struct Meeting {
    state: Mutex<MeetingState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct MeetingState {
    recovered: usize,
    /// By core, once it has read its log.
    endings: BTreeMap<CoreId, Ending>,
    cut_back: usize,
    ready: usize,
    listening: usize,
    failed: bool,
    /// Why the first core failed that did so by itself.
    why: Option<NodeError>,
    lsn_next: u64,
    decided: Set<TransactionId>,
}

impl Meeting {
    /// Changes what all see, then waits until `is_met` holds or a core has failed.
    fn meet(
        &self,
        change: impl FnOnce(&mut MeetingState),
        is_met: impl Fn(&MeetingState) -> bool,
    ) -> Result<(u64, Set<TransactionId>), NodeError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        self.changed.notify_all();
        while !is_met(&state) && !state.failed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.failed {
            Err(NodeError::Other)
        } else {
            Ok((state.lsn_next, state.decided.clone()))
        }
    }

    /// Where a core's log must end earlier than it does; all have read theirs.
    fn cut_of(&self, core: CoreId) -> Option<BatchPlace> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let endings: Vec<&Ending> = state.endings.values().collect();
        cuts(&endings)[usize::from(core.0)]
    }

    /// A core does not start: all others give up too. What its thread ends with is not the reason, which is kept here.
    pub(super) fn fail(&self, error: NodeError) -> NodeError {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failed = true;
        if !matches!(error, NodeError::Other) {
            state.why.get_or_insert(error);
        }
        self.changed.notify_all();
        NodeError::Other
    }

    /// Why the node does not start.
    pub(super) fn why(&self) -> NodeError {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.why.take().unwrap_or(NodeError::Other)
    }
}

/// What every core is made from.
#[derive(Clone)]
pub(super) struct Maker {
    pub(super) shared: Arc<Shared>,
    pub(super) config: Arc<Resolved>,
    pub(super) data: Option<Arc<Data>>,
    pub(super) map: PartitionMap,
    pub(super) keeper: Arc<Keeper>,
    /// The side thread that has memory backed ahead of its use.
    pub(super) memory: Arc<Keeper>,
    /// The side thread that compresses what goes to other nodes.
    pub(super) bulk: Arc<Keeper>,
    pub(super) meeting: Arc<Meeting>,
    pub(super) http: Option<Arc<HttpSide>>,
    /// By core, where the number of cores has changed: what was written anew.
    pub(super) migrated: Arc<Mutex<Vec<Option<Written>>>>,
    /// Direct commits pay on this disk.
    pub(super) direct: bool,
    pub(super) random: u64,
    /// What there is to know where there are several nodes.
    pub(super) cluster: Option<Arc<Setup>>,
}

/// Hands the files of a core's segments to its ring.
fn register(
    io: &mut Io,
    store: &Store,
    files: Vec<Option<File>>,
    views: &[(u64, ArenaView)],
    direct_folder: Option<&Path>,
) -> Vec<Option<SegmentFile>> {
    let register = |(slot, file): (u32, Option<File>)| {
        let cached = io.add_file(file?);
        let id = store.segment_id(slot);
        let view = views.iter().find(|(other, _)| *other == id).map(|(_, view)| *view);
        let direct = direct_folder.and_then(|folder| open_direct(folder, id)).zip(view);
        Some(SegmentFile { cached, direct: direct.map(|(file, view)| (io.add_file(file), view)) })
    };
    (0..).zip(files).map(register).collect()
}

impl Maker {
    pub(super) fn make(&self, core: usize, io: &mut Io) -> Result<NodeCore, NodeError> {
        let index = u16::try_from(core).expect("cores are counted in 16 bits");
        let id = CoreId(index);
        let random = self.random.rotate_left(u32::from(index) % 64)
            ^ u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let folder = self.data.as_ref().map(|data| core_folder(&data.path, index));
        let mut found = Vec::new();
        let (store, segment_files, next_id, decided) = match &self.data {
            Some(data) => {
                let mut loaded = self.make_with_files(data, id, random)?;
                found = std::mem::take(&mut loaded.recovered.groups);
                let folder = folder.as_deref().filter(|_| self.direct);
                let files = register(io, &loaded.store, loaded.files, &loaded.views, folder);
                (loaded.store, files, loaded.next_id, loaded.recovered.decided)
            }
            None => (self.make_in_memory(id, random)?, Vec::new(), 2, Vec::new()),
        };
        if self.cluster.is_none() && !found.is_empty() {
            return Err(NodeError::Cluster(
                "the data is a cluster's and the config is of a node that is alone; start it with the config of the cluster, or in an empty data folder"
                    .to_owned(),
            ));
        }
        let start = self.data.as_ref().map_or(1, |data| data.manifest.starts);
        let settings = engine_settings(&self.config);
        let mut engine = Engine::new(id, self.map.clone(), store, settings, start, random);
        engine.set_events(self.config.events);
        engine.keep_ready_work();
        engine.begin_turn(unix_ms());
        let waiting = self.cluster.as_ref().map(|cluster| {
            // The partitions are groups, and nobody serves them before the node is settled.
            engine.await_groups();
            let seed = self.random ^ u64::from(cluster.node);
            let may_be_cut = self.shared.may_be_cut();
            Unformed { node: cluster.node, seed, may_be_cut, found }
        });
        let mut commit = Commit::default();
        commit.files = segment_files;
        let cores = self.config.cores.len();
        self.meeting.meet(|state| state.ready += 1, |state| state.ready == cores)?;
        // Every participant's commit is on the disk now: the decisions have been carried out.
        decided.into_iter().for_each(|id| engine.store_mut().settled(id));
        let segment_bytes =
            usize::try_from(self.config.segment_bytes).expect("segments are at most 64 MiB");
        let mut limits = Limits::DEFAULT;
        limits.bulk_bytes_max = self.config.value_bytes_max;
        let lsn_first = engine.store().lsn_next();
        let mut made = NodeCore {
            index,
            engine,
            shared: Arc::clone(&self.shared),
            config: Arc::clone(&self.config),
            databases: Databases::of(&self.config.settings().databases).unwrap_or_default(),
            limits,
            view: self.cluster.as_ref().map(|cluster| Arc::new(cluster.view.clone())),
            peers: self.cluster.as_ref().map(|cluster| Peers::new(cluster.peers_of(index))),
            bulk: Bulk::new(Arc::clone(&self.bulk), self.shared.postboxes.to(core)),
            settling: (core == 0 && waiting.is_some())
                .then(|| Settling::new(Arc::clone(&self.config))),
            is_unsettled: waiting.is_some(),
            unformed: waiting,
            may_be_cut: self.shared.may_be_cut(),
            repaired_left: None,
            growing: None,
            foreign_terms: Default::default(),
            members: Members::default(),
            outgoing: Vec::new(),
            beats: Vec::new(),
            ticks: 0,
            clients: Clients::default(),
            tls_faults: Default::default(),
            web_requests: Default::default(),
            dirty: Vec::new(),
            held: Vec::new(),
            retried: Vec::new(),
            late: Vec::new(),
            waiting: Vec::new(),
            gathering: Vec::new(),
            streaming: Vec::new(),
            is_unfinished: false,
            wakes: Vec::new(),
            no_segments: None,
            room: Default::default(),
            blocked: crate::front::BlockedCommands::default(),
            scattered: crate::front::ScatteredCommands::default(),
            placed: crate::front::PlacedCommands::default(),
            parked: Default::default(),
            links: (0..cores).map(|_| Link::default()).collect(),
            foreign: Foreign::default(),
            forwarding: Forwarding::default(),
            wholes: Wholes::default(),
            pubsub: Default::default(),
            trackers: Default::default(),
            invalid: Vec::new(),
            copy_waits: Vec::new(),
            own_answers: Vec::new(),
            spare_parcels: SpareParcels::default(),
            tickets: Default::default(),
            tickets_given: 0,
            asks: Default::default(),
            http: HttpDoor::new(if core == 0 { self.http.clone() } else { None }),
            http_late: Vec::new(),
            doors: Vec::new(),
            next_core: 0,
            commit,
            supply: Supply::new(
                (Arc::clone(&self.keeper), Arc::clone(&self.memory)),
                self.shared.postboxes.to(core),
                folder,
                segment_bytes,
                self.direct,
                next_id,
            ),
            snapshot: CorePart::new(lsn_first),
            counters: Counters::default(),
            observer: Observer::default(),
            scripts: Scripts::default(),
            baseline: Default::default(),
            rates: Default::default(),
            commands_run: 0,
            input_bytes: 0,
            queued_bytes: 0,
            spent: Default::default(),
            is_busy: false,
            min_replicas: 0,
            lacks_replicas: false,
            spare_buffers: Default::default(),
            keys: 0,
            lines: Lines::default(),
            effects: Vec::new(),
            spare: Vec::new(),
            random,
            stopping: false,
            leaving: None,
            begun: false,
            told_for: None,
            turn: TurnParts::default(),
            long_turns: LongTurns::default(),
            upkeep: Default::default(),
            is_evicting: false,
            claim: Default::default(),
            finds_expired: false,
        };
        self.listen(&mut made, io)?;
        made.limit_tracked_keys();
        made.read_min_replicas();
        let loaded = made.engine.store().figures();
        made.upkeep.loaded = (loaded.keys, loaded.held_bytes);
        let figures = made.figures(io);
        self.shared.board.show(core, figures);
        Ok(made)
    }

    fn make_in_memory(&self, core: CoreId, random: u64) -> Result<Store, NodeError> {
        let segment_bytes =
            usize::try_from(self.config.segment_bytes).expect("segments are at most 64 MiB");
        let mut store = Store::new(Options {
            core,
            map: self.map.clone(),
            instance: [0; 16],
            generation: 1,
            segment_bytes,
            keeps_files: false,
            hash_seed: random ^ 0x5bd1_e995_97f4_a7c1,
            entropy: random,
        });
        let (_, memory) = make_segment(None, 1, segment_bytes, false)
            .map_err(|why| NodeError::Segment(why.advice()))?;
        store.add_ready(1, memory);
        Ok(store)
    }

    /// What the core begins with where all was written anew just now.
    fn take_migrated(&self, core: CoreId) -> Option<Loaded> {
        let mut migrated = self.migrated.lock().unwrap_or_else(PoisonError::into_inner);
        let written = migrated.get_mut(usize::from(core.0)).and_then(Option::take);
        written.map(|written| written.loaded(&self.memory))
    }

    fn make_with_files(&self, data: &Data, core: CoreId, random: u64) -> Result<Loaded, NodeError> {
        let since = std::time::Instant::now();
        let memory = Some(self.memory.as_ref());
        let how = Loading { memory, threads: 1, keeps_free: true };
        let read = || load(data, core, &self.map, random, how);
        let mut loaded = match self.take_migrated(core) {
            Some(loaded) => loaded,
            None => read()?,
        };
        let cores = self.config.cores.len();
        self.meeting.meet(
            |state| {
                state.recovered += 1;
                state.endings.insert(core, loaded.recovered.ending.clone());
            },
            |state| state.recovered == cores,
        )?;
        if let Some(cut) = self.meeting.cut_of(core) {
            make_void(data, core, &cut)?;
            read_again(&mut loaded, read)?;
        }
        let (lsn_next, decided) = self.meeting.meet(
            |state| {
                state.cut_back += 1;
                state.lsn_next = state.lsn_next.max(loaded.recovered.lsn_next);
                state.decided.extend(loaded.recovered.decided.iter().copied());
            },
            |state| state.cut_back == cores,
        )?;
        let (store, files) = (&mut loaded.store, &mut loaded.files);
        store.set_now(unix_ms());
        store.resume(lsn_next);
        let segment_bytes = store.segment_bytes();
        if store.segments_wanted() > 0 {
            let folder = core_folder(&data.path, core.0);
            let filled = self.config.settings().durability == Durability::Always;
            let (file, memory) = make_segment(Some(&folder), loaded.next_id, segment_bytes, filled)
                .map_err(|why| NodeError::Segment(why.advice()))?;
            loaded.views.push((loaded.next_id, ArenaView::of(memory)));
            let slot = store.add_ready(loaded.next_id, memory) as usize;
            loaded.next_id += 1;
            if files.len() <= slot {
                files.resize_with(slot + 1, || None);
            }
            files[slot] = file;
        }
        Engine::resolve(store, &loaded.recovered.unresolved, |id| decided.contains(&id))
            .map_err(|error| NodeError::Segment(format!("{error}; make room on the disk")))?;
        write_out(store, files, &data.path)?;
        let keys = store.figures().keys;
        let recovered = &loaded.recovered;
        if recovered.records > 0 {
            tracing::info!(
                "core {}: {keys} keys from {} records in {} ms",
                core.0,
                recovered.records,
                since.elapsed().as_millis()
            );
        }
        if let Some((segment, offset)) = recovered.cut {
            tracing::warn!(
                "core {}: the log ended unfinished in segment {segment} at {offset}; it was cut there",
                core.0
            );
        }
        Ok(loaded)
    }

    /// Opens the listeners: last, when every core's data stands.
    fn listen(&self, made: &mut NodeCore, io: &mut Io) -> Result<(), NodeError> {
        let core = usize::from(made.index);
        let tcp = |io: &mut Io, address: std::net::SocketAddr| {
            retry_taken(address, || io.listen_tcp(address))
                .map_err(|error| NodeError::Listen { address: address.to_string(), error })
        };
        if let Some(&address) = self.config.resp_cores.get(core) {
            made.doors.push((tcp(io, address)?, Door::OwnCore));
        }
        let cores = self.config.cores.len();
        if core > 0 {
            // The first core alone waits for the others: it is the one that says that all are there.
            self.meeting.meet(|state| state.listening += 1, |_| true)?;
            return Ok(());
        }
        made.doors.push((tcp(io, self.config.http)?, Door::Http));
        if let Some(cluster) = &self.cluster {
            made.doors.push((tcp(io, cluster.address)?, Door::Peer));
        }
        if let Some(path) = &self.config.unix {
            let listener = io.listen_unix(Path::new(path), UNIX_SOCKET_MODE).map_err(|error| {
                NodeError::Listen { address: path.display().to_string(), error }
            })?;
            made.doors.push((listener, Door::Resp));
        }
        if let Some(address) = self.config.resp_tls {
            made.doors.push((tcp(io, address)?, Door::RespTls));
            tracing::info!("Redis clients with TLS on {address}");
        }
        if let Some(address) = self.config.http_tls {
            made.doors.push((tcp(io, address)?, Door::HttpTls));
            tracing::info!("HTTP with TLS on {address}");
        }
        if let Some(address) = self.config.memcached {
            made.doors.push((tcp(io, address)?, Door::Memcached));
        }
        made.doors.push((tcp(io, self.config.resp)?, Door::Resp));
        self.meeting.meet(|state| state.listening += 1, |state| state.listening == cores)?;
        tracing::info!("io_uring is used at the level of {}", io.level());
        tracing::info!(
            "ready: Redis clients on {}, HTTP on {}",
            self.config.resp,
            self.config.http
        );
        Ok(())
    }
}
