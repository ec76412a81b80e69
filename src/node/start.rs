//! Owns the start and the end of the node: config, data, side threads, cores, listeners last; and its exit code.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyperion_engine::Engine;
use hyperion_model::collections::Set;
use hyperion_model::{CoreId, PartitionMap, TransactionId};
use hyperion_runtime::arena::ArenaView;
use hyperion_runtime::{CoreError, Keeper, Postboxes, RuntimeError, RuntimeOptions, files, process};
use hyperion_store::{Options, Store};
use hyperion_wire::Limits;
use thiserror::Error;

use super::Io;
use super::board::Board;
use super::clients::Clients;
use super::commit::{Commit, EXIT_DISK, SegmentFile};
use super::core::{Door, NodeCore, Note, Shared};
use super::figures::Counters;
use super::links::Link;
use super::migrate::migrate;
use super::open::{Data, Loaded, OpenError, Wanted, load, write_out};
use super::supply::{Supply, core_folder, make_segment, open_direct};
use super::ticking::engine_settings;
use super::{metrics, status};
use crate::config::{self, ConfigError, Durability, Machine, Resolved, Storage};
use crate::flags::Flags;
use crate::front::{HttpDoor, Lines};
use crate::http::{Bridge, HttpSide, HttpSideError, NodeView};
use crate::log::LogControl;

/// How long a core may take to take a config.
const APPLY_DEADLINE: Duration = Duration::from_secs(10);
/// Descriptors that are not for clients: segments, listeners, the side threads.
const DESCRIPTORS_KEPT: u64 = 512;
const UNIX_SOCKET_MODE: u32 = 0o700;
const HEALTHY_MS: u64 = 5_000;

/// Why the node does not run.
#[derive(Debug, Error)]
pub(crate) enum NodeError {
    /// The config is refused.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The data cannot be used.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// The runtime does not start.
    #[error("{0}")]
    Runtime(#[from] RuntimeError),
    /// The HTTP side does not start.
    #[error("{0}")]
    Http(#[from] HttpSideError),
    /// A listener does not open.
    #[error("cannot listen on {address}: {error}; free the address or choose another")]
    Listen {
        /// Where.
        address: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// A segment for the start cannot be made.
    #[error("{0}; make room on the disk or in memory, then start again")]
    Segment(String),
    /// Another core did not start.
    #[error("another core did not start")]
    Other,
    /// A call failed.
    #[error("{what}: {error}")]
    System {
        /// What was to be done.
        what: &'static str,
        /// What the system says.
        error: std::io::Error,
    },
}

impl NodeError {
    /// The exit code of the process.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => ConfigError::EXIT_CODE,
            Self::Open(
                OpenError::Damaged { .. } | OpenError::Header { .. } | OpenError::Manifest { .. } | OpenError::NoManifest { .. },
            ) => 65,
            Self::Open(OpenError::Fixed { .. }) => ConfigError::EXIT_CODE,
            Self::Segment(_) => u8::try_from(EXIT_DISK).unwrap_or(1),
            _ => 1,
        }
    }
}

/// Where the cores meet while they start.
#[derive(Debug, Default)]
struct Meeting {
    state: Mutex<MeetingState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct MeetingState {
    recovered: usize,
    ready: usize,
    failed: bool,
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
        if state.failed { Err(NodeError::Other) } else { Ok((state.lsn_next, state.decided.clone())) }
    }

    fn fail(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failed = true;
        self.changed.notify_all();
    }
}

/// What every core is made from.
#[derive(Clone)]
struct Maker {
    shared: Arc<Shared>,
    config: Arc<Resolved>,
    data: Option<Arc<Data>>,
    map: PartitionMap,
    keeper: Arc<Keeper>,
    meeting: Arc<Meeting>,
    http: Option<Arc<HttpSide>>,
    /// Direct commits pay on this disk.
    direct: bool,
    random: u64,
}

/// Runs the node until it is told to stop.
pub(crate) fn serve(flags: &Flags, log: &LogControl) -> Result<(), NodeError> {
    let machine = Machine::probe();
    let config::Opened { keeper, said } = config::open(flags, &machine)?;
    let current = keeper.current();
    let resolved = Arc::clone(&current.resolved);
    log.set(resolved.settings().log_level);
    said.iter().for_each(|sentence| tracing::info!("{sentence}"));
    if flags.check {
        return Ok(());
    }
    check_descriptors(&resolved);
    let random = entropy().map_err(|error| NodeError::System { what: "reading random bits", error })?;
    let cores = u16::try_from(resolved.cores.len()).expect("cores are counted in 16 bits");
    let partitions = u16::try_from(resolved.config.partitions).expect("a checked config has at most 1024 partitions");
    let data = open_data(flags, &resolved, cores, partitions, random)?;
    let postboxes: Postboxes<Note> = Postboxes::new(usize::from(cores))
        .map_err(|error| NodeError::System { what: "making an eventfd for each core", error })?;
    let published = keeper.published();
    let keeper_path = keeper.path().to_path_buf();
    let board = Arc::new(Board::new(usize::from(cores)));
    let started_ms = unix_ms();
    let http = HttpSide::start(Bridge {
        data: data.as_ref().map(|_| flags.data.clone()),
        keeper: Arc::new(Mutex::new(keeper)),
        view: view(&board, &postboxes, log, &published, started_ms),
        answered: answer_to(&postboxes),
    })?;
    let shared = Arc::new(Shared {
        config_path: keeper_path,
        data: flags.data.clone(),
        board,
        clients: AtomicUsize::new(0),
        client_numbers: AtomicU64::new(0),
        postboxes: postboxes.clone(),
        jobs: Some(http.jobs()),
        run_id: format!("{:016x}{:016x}{:08x}", random[0], random[1], random[2] >> 32),
        started_ms,
    });
    say_promises(&resolved, data.as_ref(), flags);
    let files = Keeper::start("segments").map_err(|error| NodeError::System { what: "starting a thread", error })?;
    let direct = data.as_ref().is_some_and(|data| commits_direct(&data.path));
    let maker = Maker {
        shared,
        config: Arc::clone(&resolved),
        data: data.map(Arc::new),
        map: PartitionMap::spread(partitions, cores),
        keeper: Arc::new(files),
        meeting: Arc::default(),
        http: Some(Arc::new(http)),
        direct,
        random: random[3],
    };
    let options = RuntimeOptions {
        cpus: resolved.cores.iter().map(|&cpu| usize::from(cpu)).collect(),
        level: log.ring_level,
        ..RuntimeOptions::default()
    };
    let handles = hyperion_runtime::run(&options, &postboxes, move |core, io| {
        let made = maker.make(core, io);
        if made.is_err() {
            maker.meeting.fail();
        }
        made
    })?;
    stop_on_signals(&postboxes)?;
    match handles.join() {
        Ok(()) => Ok(()),
        Err(CoreError::Make { error, .. }) => Err(error),
        Err(CoreError::Ring { error, .. }) => Err(error.into()),
        Err(CoreError::Panicked { .. }) => Err(NodeError::Other),
    }
}

/// Whether commits of `always` are direct writes: asked of the disk, once a start.
fn commits_direct(data: &Path) -> bool {
    match files::direct_commits_pay(data) {
        Ok(pay) => {
            let way = if pay { "direct writes" } else { "writes and syncs" };
            tracing::info!("commits that are synced at once are {way} on this disk");
            pay
        }
        Err(error) => {
            tracing::warn!("the disk could not be probed: {error}; commits are writes and syncs");
            false
        }
    }
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

fn check_descriptors(config: &Resolved) {
    match process::raise_open_files() {
        Ok(limit) if limit < u64::from(config.settings().limits.clients) + DESCRIPTORS_KEPT => tracing::warn!(
            "{limit} open files are allowed, too few for {} clients; raise `ulimit -n` or LimitNOFILE=",
            config.settings().limits.clients
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!("the limit of open files cannot be raised: {error}"),
    }
}

fn open_data(
    flags: &Flags,
    config: &Resolved,
    cores: u16,
    partitions: u16,
    random: [u64; 4],
) -> Result<Option<Data>, NodeError> {
    if config.settings().storage == Storage::Memory {
        return Ok(None);
    }
    let segment_bytes = u32::try_from(config.segment_bytes).expect("segments are at most 64 MiB");
    let wanted = Wanted { cores, partitions, segment_bytes };
    let mut data = Data::open(&flags.data, wanted, [random[0], random[1], random[2]])?;
    if data.manifest.cores != cores {
        tracing::info!("the data was written by {} cores; writing it anew for {cores}", data.manifest.cores);
        migrate(&mut data, cores, random[3])?;
    }
    Ok(Some(data))
}

/// Random bits of the system.
fn entropy() -> std::io::Result<[u64; 4]> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let (words, _) = bytes.as_chunks::<8>();
    Ok([0, 1, 2, 3].map(|at: usize| u64::from_le_bytes(words[at])))
}

pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn say_promises(config: &Resolved, data: Option<&Data>, flags: &Flags) {
    let settings = config.settings();
    let Some(data) = data else {
        tracing::warn!("storage is memory: nothing is kept on disk, a restart begins empty");
        return;
    };
    let system = files::file_system(&data.path).unwrap_or("unknown");
    tracing::info!(
        "durability {}, sync interval {} ms, data in {} on {system}",
        settings.durability.as_str(),
        settings.sync_interval_ms,
        flags.data.display()
    );
    if matches!(system, "tmpfs" | "overlayfs" | "nfs") {
        tracing::warn!("{system} does not keep what it syncs as a disk does; put the data directory on ext4 or xfs");
    }
}

fn view(
    board: &Arc<Board>,
    postboxes: &Postboxes<Note>,
    log: &LogControl,
    published: &Arc<config::Published>,
    started_ms: u64,
) -> NodeView {
    let (for_status, for_metrics, for_health) = (Arc::clone(board), Arc::clone(board), Arc::clone(board));
    let (status_config, metrics_config) = (Arc::clone(published), Arc::clone(published));
    let (postboxes, log) = (postboxes.clone(), log.clone());
    NodeView {
        status: Box::new(move || status::status(&for_status.read(), &status_config.get(), started_ms)),
        metrics: Box::new(move || metrics::metrics(&for_metrics.read(), &metrics_config.get(), started_ms)),
        healthy: Box::new(move || {
            let figures = for_health.read();
            let late = figures.iter().position(|core| unix_ms().saturating_sub(core.at_ms) > HEALTHY_MS);
            late.map_or(Ok(()), |core| Err(format!("core {core} has shown nothing for {HEALTHY_MS} ms")))
        }),
        apply: Box::new(move |config| {
            log.set(config.settings().log_level);
            let (taken, answers) = mpsc::channel();
            for core in 0..postboxes.cores() {
                let note = Note::Config(Arc::clone(config), taken.clone());
                if postboxes.to(core).post(note).is_err() {
                    return Err(format!("core {core} is too busy to take the config; post it again"));
                }
            }
            for _ in 0..postboxes.cores() {
                if answers.recv_timeout(APPLY_DEADLINE).is_err() {
                    return Err("a core did not take the config in time; post it again".to_owned());
                }
            }
            Ok(())
        }),
    }
}

fn answer_to(postboxes: &Postboxes<Note>) -> Arc<dyn Fn(u64, Vec<u8>) + Send + Sync> {
    let postbox = postboxes.to(0);
    Arc::new(move |number, bytes| {
        let mut note = Note::Http(number, bytes);
        // A full box is emptied within a turn; a caller whose answer is lost here runs into its deadline.
        for _ in 0..1_000 {
            match postbox.post(note) {
                Ok(()) => return,
                Err(back) => note = back,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    })
}

fn stop_on_signals(postboxes: &Postboxes<Note>) -> Result<(), NodeError> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])
        .map_err(|error| NodeError::System { what: "taking SIGTERM and SIGINT", error })?;
    let postboxes = postboxes.clone();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for _ in signals.forever() {
                tracing::info!("stopping: what was begun is finished first");
                for core in 0..postboxes.cores() {
                    while postboxes.to(core).post(Note::Stop).is_err() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            }
        })
        .map(drop)
        .map_err(|error| NodeError::System { what: "starting a thread", error })
}

impl Maker {
    fn make(&self, core: usize, io: &mut Io) -> Result<NodeCore, NodeError> {
        let index = u16::try_from(core).expect("cores are counted in 16 bits");
        let id = CoreId(index);
        let random = self.random.rotate_left(u32::from(index) % 64) ^ u64::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let folder = self.data.as_ref().map(|data| core_folder(&data.path, index));
        let (store, segment_files, next_id, decided) = match &self.data {
            Some(data) => {
                let loaded = self.make_with_files(data, id, random)?;
                let folder = folder.as_deref().filter(|_| self.direct);
                let files = register(io, &loaded.store, loaded.files, &loaded.views, folder);
                (loaded.store, files, loaded.next_id, loaded.recovered.decided)
            }
            None => (self.make_in_memory(id, random)?, Vec::new(), 2, Vec::new()),
        };
        let start = self.data.as_ref().map_or(1, |data| data.manifest.starts);
        let settings = engine_settings(&self.config);
        let mut engine = Engine::new(id, self.map.clone(), store, settings, start, random);
        engine.begin_turn(unix_ms());
        let mut commit = Commit::default();
        commit.files = segment_files;
        let cores = self.config.cores.len();
        self.meeting.meet(|state| state.ready += 1, |state| state.ready == cores)?;
        // Every participant's commit is on the disk now: the decisions have been carried out.
        decided.into_iter().for_each(|id| engine.store_mut().settled(id));
        let segment_bytes = usize::try_from(self.config.segment_bytes).expect("segments are at most 64 MiB");
        let mut limits = Limits::DEFAULT;
        limits.bulk_bytes_max = self.config.value_bytes_max;
        let mut made = NodeCore {
            index,
            engine,
            shared: Arc::clone(&self.shared),
            config: Arc::clone(&self.config),
            limits,
            clients: Clients::default(),
            dirty: Vec::new(),
            held: Vec::new(),
            waiting: Vec::new(),
            wakes: Vec::new(),
            no_segments: None,
            parked: Default::default(),
            links: (0..cores).map(|_| Link::default()).collect(),
            tickets: Default::default(),
            tickets_given: 0,
            asks: Default::default(),
            http: HttpDoor::new(if core == 0 { self.http.clone() } else { None }),
            http_late: Vec::new(),
            doors: Vec::new(),
            next_core: 0,
            commit,
            supply: Supply::new(
                Arc::clone(&self.keeper),
                self.shared.postboxes.to(core),
                folder,
                segment_bytes,
                self.direct,
                next_id,
            ),
            counters: Counters::default(),
            commands_run: 0,
            input_bytes: 0,
            keys: 0,
            lines: Lines::default(),
            effects: Vec::new(),
            spare: Vec::new(),
            random,
            stopping: false,
            begun: false,
            sweep_budget: 0,
        };
        self.listen(&mut made, io)?;
        let figures = made.figures(io);
        self.shared.board.show(core, figures);
        Ok(made)
    }

    fn make_in_memory(&self, core: CoreId, random: u64) -> Result<Store, NodeError> {
        let segment_bytes = usize::try_from(self.config.segment_bytes).expect("segments are at most 64 MiB");
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
        let (_, memory) = make_segment(None, 1, segment_bytes, false).map_err(NodeError::Segment)?;
        store.add_ready(1, memory);
        Ok(store)
    }

    fn make_with_files(
        &self,
        data: &Data,
        core: CoreId,
        random: u64,
    ) -> Result<Loaded, NodeError> {
        let since = std::time::Instant::now();
        let mut loaded = load(data, core, &self.map, random)?;
        let cores = self.config.cores.len();
        let (lsn_next, decided) = self.meeting.meet(
            |state| {
                state.recovered += 1;
                state.lsn_next = state.lsn_next.max(loaded.recovered.lsn_next);
                state.decided.extend(loaded.recovered.decided.iter().copied());
            },
            |state| state.recovered == cores,
        )?;
        let (store, files) = (&mut loaded.store, &mut loaded.files);
        store.set_now(unix_ms());
        store.resume(lsn_next);
        let segment_bytes = store.segment_bytes();
        if store.segments_wanted() > 0 {
            let folder = core_folder(&data.path, core.0);
            let filled = self.config.settings().durability == Durability::Always;
            let (file, memory) = make_segment(Some(&folder), loaded.next_id, segment_bytes, filled).map_err(NodeError::Segment)?;
            loaded.views.push((loaded.next_id, ArenaView::of(memory)));
            let slot = store.add_ready(loaded.next_id, memory) as usize;
            loaded.next_id += 1;
            if files.len() <= slot {
                files.resize_with(slot + 1, || None);
            }
            files[slot] = file;
        }
        Engine::resolve(store, &loaded.recovered.unresolved, |id| decided.contains(&id))
            .map_err(|error| NodeError::Segment(error.to_string()))?;
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
            tracing::warn!("core {}: the log ended unfinished in segment {segment} at {offset}; it was cut there", core.0);
        }
        Ok(loaded)
    }

    /// Opens the listeners: last, when every core's data stands.
    fn listen(&self, made: &mut NodeCore, io: &mut Io) -> Result<(), NodeError> {
        let core = usize::from(made.index);
        let tcp = |io: &mut Io, address: std::net::SocketAddr| {
            io.listen_tcp(address).map_err(|error| NodeError::Listen { address: address.to_string(), error })
        };
        if let Some(&address) = self.config.resp_cores.get(core) {
            made.doors.push((tcp(io, address)?, Door::OwnCore));
        }
        if core > 0 {
            return Ok(());
        }
        made.doors.push((tcp(io, self.config.http)?, Door::Http));
        if let Some(path) = &self.config.unix {
            let listener = io
                .listen_unix(Path::new(path), UNIX_SOCKET_MODE)
                .map_err(|error| NodeError::Listen { address: path.display().to_string(), error })?;
            made.doors.push((listener, Door::Resp));
        }
        made.doors.push((tcp(io, self.config.resp)?, Door::Resp));
        tracing::info!("ready: Redis clients on {}, HTTP on {}", self.config.resp, self.config.http);
        Ok(())
    }
}
