//! Owns the start and the end of the node: config, data, side threads, then the cores.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyperion_cluster::config::Role;
use hyperion_model::PartitionMap;
use hyperion_runtime::{CoreError, Keeper, Postboxes, RuntimeOptions, files};
use hyperion_store::manifest::Manifest;

use super::board::Board;
use super::descriptors;
use super::error::NodeError;
use super::growing::Grower;
use super::joining::{check_cluster, open_member};
use super::maker::Maker;
use super::messages::Note;
use super::migrate::{Written, migrate};
use super::open::{Data, Wanted};
use super::open_error::failed;
use super::power::Power;
use super::repair::Belonging;
use super::shared::Shared;
use super::ticking::GROUP_TICKS;
use super::{cluster_metrics, metrics, repair, status};
use crate::cluster::{ClusterBoard, MemberPlace, Setup};
use crate::config::{self, Resolved, Storage};
use crate::flags::Flags;
use crate::http::{Bridge, HttpSide, NodeView, ToCluster};
use crate::log::LogControl;
use crate::scripts::Texts;
use crate::snapshot::Snapshots;

/// How long a core may take to take a config.
const APPLY_DEADLINE: Duration = Duration::from_secs(10);
const HEALTHY_MS: u64 = 5_000;
/// Runs the node until it is told to stop.
pub(crate) fn serve(flags: &Flags, log: &LogControl) -> Result<(), NodeError> {
    let machine = config::probe();
    let config::Opened { mut keeper, said } = config::open(flags, &machine)?;
    let current = keeper.current();
    let resolved = Arc::clone(&current.resolved);
    log.set(resolved.settings().log_level);
    said.iter().for_each(|sentence| tracing::info!("{sentence}"));
    if flags.check {
        return check_cluster(&current, &flags.data);
    }
    outlive_file_size_limits()?;
    let open_files = descriptors::raise(&resolved);
    let random =
        entropy().map_err(|error| NodeError::System { what: "reading random bits", error })?;
    let cores = u16::try_from(resolved.cores.len()).expect("cores are counted in 16 bits");
    let partitions = u16::try_from(resolved.config.partitions)
        .expect("a checked config has at most 1024 partitions");
    let (data, migrated) = open_data(flags, &resolved, cores, partitions, random)?.unzip();
    let power = data.as_ref().map(|data| look_at_power(&data.path, &resolved)).transpose()?;
    let member = match &data {
        Some(data) if !resolved.is_alone() => Some(open_member(&current, &data.path)?),
        _ => None,
    };
    let agreed = member.as_ref().and_then(|member| member.agreed.get());
    let cluster = Setup::of(&resolved, agreed.as_deref()).map_err(NodeError::Cluster)?;
    let cluster = cluster.map(|setup| Arc::new(setup.speaking(flags.pretend_protocol.clone())));
    if let Some(member) = &member {
        keeper.belong_to(Arc::clone(member));
    }
    let postboxes: Postboxes<Note> = Postboxes::new(usize::from(cores))
        .map_err(|error| NodeError::System { what: "making an eventfd for each core", error })?;
    let published = keeper.published();
    let keeper_path = keeper.path().to_path_buf();
    let board = Arc::new(Board::new(usize::from(cores)));
    let started_ms = unix_ms();
    let manifest = data.as_ref().map_or_else(
        || memory_manifest(&resolved, cores, partitions, random),
        |data| data.manifest.clone(),
    );
    let place = member.map(OnceLock::from).map_or_else(MemberPlace::default, Arc::new);
    let snapshots = Snapshots::start(
        &flags.data,
        data.is_some(),
        manifest,
        postboxes.clone(),
        Arc::clone(&published),
        Arc::clone(&place),
    )
    .map_err(|error| NodeError::System { what: "starting a thread", error })?;
    let cluster_board = Arc::new(ClusterBoard::default());
    let grower = Grower {
        data: data.as_ref().map(|data| data.path.clone()),
        place: Arc::clone(&place),
        postboxes: postboxes.clone(),
    };
    let http = HttpSide::start(Bridge {
        data: data.as_ref().map(|_| flags.data.clone()),
        keeper: Arc::new(Mutex::new(keeper)),
        view: view(
            (&board, &cluster_board),
            &postboxes,
            log,
            (&published, &keeper_path),
            &snapshots,
            grower,
            started_ms,
        ),
        answered: answer_to(&postboxes),
        to_cluster: Some(to_cluster(&postboxes)),
    })?;
    let shared = Arc::new(Shared {
        published: Arc::clone(&published),
        cluster: cluster_board,
        config_path: keeper_path,
        data: flags.data.clone(),
        board,
        clients: AtomicUsize::new(0),
        open_files,
        client_numbers: AtomicU64::new(0),
        notes: AtomicU64::new(0),
        listener_news: resolved.cores.iter().map(|_| AtomicU64::new(0)).collect(),
        tracked_keys: resolved.cores.iter().map(|_| AtomicUsize::new(0)).collect(),
        slow_commands: AtomicU64::new(0),
        flush_at_ms: AtomicU64::new(0),
        is_removed: AtomicBool::new(false),
        scripts: Texts::default(),
        running: Arc::default(),
        postboxes: postboxes.clone(),
        jobs: Some(http.jobs()),
        leave: Default::default(),
        member: place,
        snapshots,
        run_id: format!("{:016x}{:016x}{:08x}", random[0], random[1], random[2] >> 32),
        started_ms,
        power: power.clone(),
    });
    say_promises(&resolved, data.as_ref(), flags);
    let keeper = |name| {
        let kept = Keeper::start(name).map(Arc::new);
        kept.map_err(|error| NodeError::System { what: "starting a thread", error })
    };
    let (files, memory) = (keeper("segments")?, keeper("memory")?);
    let direct = data.as_ref().is_some_and(|data| commits_direct(&data.path));
    let maker = Maker {
        shared,
        config: Arc::clone(&resolved),
        data: data.map(Arc::new),
        map: PartitionMap::spread(partitions, cores),
        keeper: files,
        // Also where there are no other nodes: some may come.
        bulk: keeper("bulk")?,
        memory,
        meeting: Arc::default(),
        migrated: Arc::new(Mutex::new(migrated.into_iter().flatten().map(Some).collect())),
        http: Some(Arc::new(http)),
        direct,
        random: random[3],
        cluster: cluster.clone(),
    };
    let meeting = Arc::clone(&maker.meeting);
    let options = RuntimeOptions {
        cpus: resolved.cores.iter().map(|&cpu| usize::from(cpu)).collect(),
        level: log.ring_level,
        tick_interval: tick_interval(cluster.is_some()),
        accepted_waiting_max: descriptors::waiting_a_core(open_files, &resolved),
        ..RuntimeOptions::default()
    };
    let handles = hyperion_runtime::run(&options, &postboxes, move |core, io| {
        maker.make(core, io).map_err(|error| maker.meeting.fail(error))
    })?;
    stop_on_signals(&postboxes)?;
    match handles.join() {
        Ok(()) => {
            if let Some(Err(error)) = power.map(|power| power.end()) {
                tracing::warn!("BOOT stays in the data folder: {error}");
            }
            Ok(())
        }
        Err(CoreError::Make { .. }) => Err(meeting.why()),
        Err(CoreError::Ring { error, .. }) => Err(error.into()),
        Err(CoreError::Panicked { .. }) => Err(NodeError::Other),
    }
}

/// Groups of replicas want to be looked at more often than all else.
fn tick_interval(has_groups: bool) -> Duration {
    let interval = RuntimeOptions::default().tick_interval;
    if has_groups { interval / GROUP_TICKS } else { interval }
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

fn open_data(
    flags: &Flags,
    config: &Resolved,
    cores: u16,
    partitions: u16,
    random: [u64; 4],
) -> Result<Option<(Data, Vec<Written>)>, NodeError> {
    if config.settings().storage == Storage::Memory {
        if flags.repair {
            tracing::warn!("--repair does nothing: storage is memory, there are no files");
        }
        return Ok(None);
    }
    let segment_bytes = u32::try_from(config.segment_bytes).expect("segments are at most 64 MiB");
    let wanted = Wanted { cores, partitions, segment_bytes, repairs: flags.repair };
    let mut data = Data::open(&flags.data, wanted, [random[0], random[1], random[2]])?;
    data.is_log_only = config.node().role == Role::Voter;
    if flags.repair {
        let belonging = Belonging::of(config, &data.path)?;
        repair::repair(&mut data, belonging.as_ref(), random[3].rotate_left(11))?;
    }
    let mut migrated = Vec::new();
    if data.manifest.cores != cores {
        tracing::info!(
            "the data was written by {} cores; writing it anew for {cores}",
            data.manifest.cores
        );
        migrated = migrate(&mut data, cores, random[3])?;
    }
    Ok(Some((data, migrated)))
}

/// How the run before this one ended.
fn look_at_power(folder: &Path, config: &Resolved) -> Result<Arc<Power>, NodeError> {
    let power = Power::begin(folder, config.settings().durability, config.cores.len())
        .map_err(failed(&folder.join("BOOT")))?;
    if power.may_be_cut() && !config.is_alone() {
        tracing::warn!(
            "the machine went down while the node ran, and the end of its log may be lost: it does not vote before it has caught up with the others"
        );
    }
    Ok(Arc::new(power))
}

/// What a snapshot says of data that is in memory alone.
fn memory_manifest(config: &Resolved, cores: u16, partitions: u16, random: [u64; 4]) -> Manifest {
    let mut instance = [0; 16];
    instance[..8].copy_from_slice(&random[0].to_le_bytes());
    instance[8..].copy_from_slice(&random[1].to_le_bytes());
    Manifest {
        instance,
        cores,
        partitions,
        starts: 1,
        segment_bytes: u32::try_from(config.segment_bytes).expect("segments are at most 64 MiB"),
        generation: 1,
        hash_seed: random[2],
    }
}

/// Random bits of the system.
fn entropy() -> std::io::Result<[u64; 4]> {
    let mut bytes = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    let (words, _) = bytes.as_chunks::<8>();
    Ok([0, 1, 2, 3].map(|at: usize| u64::from_le_bytes(words[at])))
}

/// Fills `bytes` with random bits of the system.
///
/// Errors: /dev/urandom cannot be read.
pub(crate) fn random_bytes(bytes: &mut [u8]) -> std::io::Result<()> {
    File::open("/dev/urandom")?.read_exact(bytes)
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
        tracing::warn!(
            "{system} does not keep what it syncs as a disk does; put the data directory on ext4 or xfs"
        );
    }
}

fn view(
    (board, cluster): (&Arc<Board>, &Arc<ClusterBoard>),
    postboxes: &Postboxes<Note>,
    log: &LogControl,
    (published, path): (&Arc<config::Published>, &Path),
    snapshots: &Arc<Snapshots>,
    grower: Grower,
    started_ms: u64,
) -> NodeView {
    let [in_cluster_status, in_cluster_metrics, of_cluster] = [0; 3].map(|_| Arc::clone(cluster));
    let [in_status, in_metrics, to_begin] = [0; 3].map(|_| Arc::clone(snapshots));
    let (for_status, for_metrics, for_health) =
        (Arc::clone(board), Arc::clone(board), Arc::clone(board));
    let (status_config, metrics_config) = (Arc::clone(published), Arc::clone(published));
    let (postboxes, log, path) = (postboxes.clone(), log.clone(), path.to_owned());
    let data = grower.data.clone();
    NodeView {
        status: Box::new(move || {
            let mut page = status::status(&for_status.read(), &status_config.get(), started_ms);
            page["snapshot"] = in_status.status();
            if let Some(known) = in_cluster_status.get() {
                page["cluster"] = known.progress();
            }
            page
        }),
        metrics: Box::new(move || {
            let known = in_cluster_metrics.get();
            let of_cluster = known.as_ref().map(cluster_metrics::cluster_metrics);
            let (cores, config) = (for_metrics.read(), metrics_config.get());
            metrics::metrics(&cores, &config, data.as_deref(), started_ms)
                + &in_metrics.metrics()
                + &of_cluster.unwrap_or_default()
        }),
        snapshot: Box::new(move || to_begin.begin().map_err(|refused| refused.to_string())),
        taken_ms: Box::new(move |epoch| config::taken_ms(&path, epoch)),
        member: Arc::clone(&grower.place),
        grow: Box::new(move |keeper, config| grower.grow(keeper, config)),
        healthy: Box::new(move || {
            let figures = for_health.read();
            let late =
                figures.iter().position(|core| unix_ms().saturating_sub(core.at_ms) > HEALTHY_MS);
            late.map_or(Ok(()), |core| {
                Err(format!("core {core} has shown nothing for {HEALTHY_MS} ms"))
            })
        }),
        cluster: Box::new(move || of_cluster.get()),
        apply: Box::new(move |config| {
            log.set(config.settings().log_level);
            let (taken, answers) = mpsc::channel();
            for core in 0..postboxes.cores() {
                let note = Note::Config(Arc::clone(config), taken.clone());
                if postboxes.to(core).post(note).is_err() {
                    return Err(format!(
                        "core {core} is too busy to take the config; post it again"
                    ));
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

fn to_cluster(postboxes: &Postboxes<Note>) -> ToCluster {
    let postbox = postboxes.to(0);
    Box::new(move |number, config| postbox.post(Note::Propose(number, config)).is_ok())
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

/// A limit of file sizes is an error like a full disk, not the end of the process.
fn outlive_file_size_limits() -> Result<(), NodeError> {
    let met = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGXFSZ, met)
        .map(drop)
        .map_err(|error| NodeError::System { what: "taking SIGXFSZ", error })
}

fn stop_on_signals(postboxes: &Postboxes<Note>) -> Result<(), NodeError> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| NodeError::System { what: "taking SIGTERM and SIGINT", error })?;
    let postboxes = postboxes.clone();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            let mut is_first = true;
            for signal in signals.forever() {
                if signal == SIGHUP {
                    tracing::info!(
                        "SIGHUP: the node goes on and reads nothing again; POST /config changes the config and has certificates read anew, SIGTERM ends the node"
                    );
                    continue;
                }
                if is_first {
                    tracing::info!("stopping: what was begun is finished first");
                } else {
                    tracing::info!("stopping at once: it was asked for again");
                }
                for core in 0..postboxes.cores() {
                    let note = || if is_first { Note::Stop } else { Note::StopNow };
                    while postboxes.to(core).post(note()).is_err() {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
                is_first = false;
            }
        })
        .map(drop)
        .map_err(|error| NodeError::System { what: "starting a thread", error })
}
