//! Owns the threads of snapshots and the way to ask for one: one at a time, from any thread.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hyperion_runtime::{Postboxes, process};
use hyperion_store::manifest::Manifest;
use serde_json::Value;

use super::cluster::{Inbox, Step, follow_cut, lead_cut, manifest_name};
use super::core_part::SnapshotNote;
use super::cut::{Cutting, cut_all, tell};
use super::error::SnapshotError;
use super::file::{name_at, newest_ms, part_name_at, remove_all_but, remove_parts};
use super::format::Libraries;
use super::job::{Job, Role};
use super::limits::SNAPSHOT_BYTES_A_SECOND;
use super::progress::{Done, Figures, Progress, Running};
use super::run::run;
use super::source::Source;
use crate::cluster::MemberPlace;
use crate::config::{DATABASES_NAME, Published, Size};
use crate::node::Note;
use crate::remedy::Remedy;

/// A cut that the worker wants, and where it goes.
struct Demand {
    began_ms: u64,
    role: Role,
    answer: Sender<Result<Cutting, SnapshotError>>,
}

/// Why none is begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StartRefused {
    /// One is under way.
    #[error("the snapshot {0} is under way; wait for its end, /status shows how far it is")]
    Running(String),
    /// The node does not serve.
    #[error("the node does not serve yet: {0}")]
    Unsettled(String),
    /// The thread is gone.
    #[error("the thread that makes snapshots has ended; start the node again")]
    Ended,
}

/// What INFO shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SaveFacts {
    /// Seconds since the one under way was begun.
    pub(crate) running_s: Option<u64>,
    /// How far it is; 0 without one.
    pub(crate) percent: u64,
    /// Unix seconds at which the newest was begun; the start of the node before the first.
    pub(crate) last_save_s: u64,
    pub(crate) last_is_ok: bool,
    /// Seconds that the last one took.
    pub(crate) last_took_s: Option<u64>,
    /// Records of all cores since the start, at the cut of the newest of this start; 0 before the first.
    pub(crate) changes_saved: u64,
    pub(crate) made: u64,
}

/// The snapshots of a node.
pub(crate) struct Snapshots {
    folder: PathBuf,
    jobs: SyncSender<Job>,
    config: Arc<Published>,
    progress: Mutex<Progress>,
    /// The cluster that the node belongs to, if it does, and the way to the other nodes.
    pub(super) member: MemberPlace,
    postboxes: Postboxes<Note>,
    pub(super) inbox: Inbox,
    /// The snapshot under way and the nodes without which there is none.
    partners: Mutex<(u64, Vec<u32>)>,
}

impl fmt::Debug for Snapshots {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Snapshots({})", self.folder.display())
    }
}

impl Snapshots {
    /// Starts the threads, and removes what a killed node has left of a snapshot. `files`: segments are read from their files in
    /// `data`, and asked of the cores otherwise.
    ///
    /// Errors: no thread is to be had.
    pub(crate) fn start(
        data: &Path,
        files: bool,
        manifest: Manifest,
        postboxes: Postboxes<Note>,
        config: Arc<Published>,
        member: MemberPlace,
    ) -> io::Result<Arc<Self>> {
        let folder = data.join("snapshots");
        match remove_parts(&folder) {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!(
                    "{count} snapshots that were cut short are removed from {}",
                    folder.display()
                );
            }
            Err(error) => tracing::warn!("{}: {error}", folder.display()),
        }
        let (jobs, waiting) = sync_channel(1);
        let last_save_ms = newest_ms(&folder).unwrap_or_else(unix_ms);
        let progress = Mutex::new(Progress { last_save_ms, ..Progress::default() });
        let desk = Arc::new(Self {
            folder,
            jobs,
            config,
            progress,
            member,
            postboxes: postboxes.clone(),
            inbox: Inbox::default(),
            partners: Mutex::default(),
        });
        let (to_cutter, cuts) = channel();
        let source =
            Source { postboxes: postboxes.clone(), data: files.then(|| data.to_path_buf()) };
        thread::Builder::new().name("snapshot-cut".to_owned()).spawn({
            let desk = Arc::clone(&desk);
            move || cut_on_demand(&desk, &cuts, &postboxes)
        })?;
        let worker = Arc::clone(&desk);
        thread::Builder::new()
            .name("snapshot".to_owned())
            .spawn(move || worker.work(&waiting, &to_cutter, &source, &manifest))?;
        Ok(desk)
    }

    /// Begins a snapshot and gives the name of its file.
    ///
    /// Errors: [`StartRefused`].
    pub(crate) fn begin(&self) -> Result<String, StartRefused> {
        let began_ms = unix_ms();
        let Some(state) = self.agreed().map_err(StartRefused::Unsettled)? else {
            let name = name_at(began_ms);
            return self.begin_job(Job {
                file: name.clone(),
                name,
                began_ms,
                epoch: 0,
                role: Role::Alone,
            });
        };
        let own = self.own_id();
        let ids = state.config().nodes.iter().map(|node| node.id.0);
        let role = Role::Leads(ids.filter(|&id| id != own).collect());
        let (name, file) = (manifest_name(began_ms), part_name_at(began_ms, own));
        self.begin_job(Job { name, file, began_ms, epoch: state.config().epoch, role })
    }

    /// Begins this node's part of a snapshot that another one leads.
    ///
    /// Errors: why it does not.
    pub(super) fn begin_part(&self, began_ms: u64, leader: u32, epoch: u64) -> Result<(), String> {
        let state = self.agreed()?.ok_or("it belongs to no cluster")?;
        if state.config().epoch != epoch {
            return Err(format!("it has the config of epoch {}", state.config().epoch));
        }
        let file = part_name_at(began_ms, self.own_id());
        let job = Job { name: file.clone(), file, began_ms, epoch, role: Role::Follows(leader) };
        self.begin_job(job).map(drop).map_err(|refused| refused.to_string())
    }

    fn begin_job(&self, job: Job) -> Result<String, StartRefused> {
        let mut progress = self.progress();
        if let Some(running) = &progress.running {
            return Err(StartRefused::Running(running.name.clone()));
        }
        let name = job.name.clone();
        self.inbox.clear();
        *self.partners.lock().unwrap_or_else(PoisonError::into_inner) =
            (job.began_ms, job.role.partners());
        self.jobs.try_send(job).map_err(|_| StartRefused::Ended)?;
        progress.running = Some(Running {
            name: name.clone(),
            phase: "copying",
            since: Instant::now(),
            copied_bytes: 0,
            left_bytes: 0,
            file_bytes: 0,
            level: "auto".to_owned(),
        });
        Ok(name)
    }

    /// The part of `/status`.
    pub(crate) fn status(&self) -> Value {
        let mut status = self.progress().status();
        status["folder"] = Value::from(self.folder.display().to_string());
        status
    }

    /// The part of `/metrics`.
    pub(crate) fn metrics(&self) -> String {
        self.progress().metrics()
    }

    /// What INFO and LASTSAVE tell.
    pub(crate) fn facts(&self) -> SaveFacts {
        let progress = self.progress();
        SaveFacts {
            percent: progress.running.as_ref().map_or(0, Running::percent),
            running_s: progress.running.as_ref().map(|running| running.since.elapsed().as_secs()),
            last_save_s: progress.last_save_ms / 1_000,
            last_is_ok: progress.last.as_ref().is_none_or(|last| last.result.is_ok()),
            last_took_s: progress.last.as_ref().map(|last| last.took_ms / 1_000),
            changes_saved: progress.changes_saved,
            made: progress.made,
        }
    }

    /// What is read in a second at most, as the config has it now.
    pub(super) fn bytes_a_second(&self) -> u64 {
        let current = self.config.get();
        let given = current.resolved.settings().snapshot.bytes_a_second.as_ref();
        given.map_or(SNAPSHOT_BYTES_A_SECOND, Size::bytes).max(1)
    }

    /// What of the config belongs to the data, as it is now.
    pub(super) fn libraries(&self) -> Libraries {
        let config = self.config.get();
        let settings = config.resolved.settings();
        let mut libraries = settings.functions.clone();
        if !settings.databases.is_empty() {
            libraries.insert(DATABASES_NAME.to_owned(), format!("{:?}", settings.databases));
        }
        libraries
    }

    /// Removes the oldest snapshots, so that as many stay as the config says.
    fn remove_oldest(&self) {
        let keep = self.config.get().resolved.settings().snapshot.keep;
        if keep == 0 {
            return;
        }
        match remove_all_but(&self.folder, keep as usize) {
            Ok(removed) => removed.iter().for_each(|name| {
                tracing::info!("snapshot {name} is removed: the config keeps {keep}");
            }),
            Err(error) => tracing::warn!(
                "{}: old snapshots are not removed: {error}; {}",
                self.folder.display(),
                Remedy::of(&error).advice()
            ),
        }
    }

    /// The snapshot under way, if this node is one without which there is none.
    pub(super) fn needs(&self, node: u32) -> Option<u64> {
        let partners = self.partners.lock().unwrap_or_else(PoisonError::into_inner);
        partners.1.contains(&node).then_some(partners.0)
    }

    /// Brings a note to the core that has the links to other nodes.
    pub(super) fn tell_first_core(&self, note: SnapshotNote) -> Result<(), SnapshotError> {
        tell(&self.postboxes, 0, note)
    }

    /// Tells a node that there will be no part of this one. A core calls it, and waits for nothing: with a full box the link is as good as lost.
    pub(super) fn refuse(&self, snapshot: u64, node: u32, why: String) {
        let note = SnapshotNote::Tell(snapshot, node, Step::Failed(why));
        if self.postboxes.to(0).post(Note::Snapshot(note)).is_err() {
            tracing::warn!("node {node} is not told that there is no snapshot: core 0 is too busy");
        }
    }

    /// This node's number in the config.
    pub(super) fn own_id(&self) -> u32 {
        self.config.get().resolved.node().id.0
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn phase(&self, phase: &'static str) {
        if let Some(running) = &mut self.progress().running {
            running.phase = phase;
        }
    }

    /// How far the one under way is.
    pub(super) fn show(&self, copied_bytes: u64, left_bytes: u64, file_bytes: u64, level: String) {
        if let Some(running) = &mut self.progress().running {
            *running = Running { copied_bytes, left_bytes, file_bytes, level, ..running.clone() };
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes this node's file, and sees to it that there is one of every node or none.
    fn make(
        &self,
        job: &Job,
        source: &Source,
        manifest: &Manifest,
        cutter: &Sender<Demand>,
    ) -> Result<Figures, SnapshotError> {
        let cut = || {
            let (answer, cutting) = channel();
            let demand = Demand { began_ms: job.began_ms, role: job.role.clone(), answer };
            cutter.send(demand).map_err(|_| SnapshotError::NoAnswer)?;
            cutting.recv().map_err(|_| SnapshotError::NoAnswer)?
        };
        self.begin_shared(job);
        let made = run(self, source, manifest, job, cut);
        self.end_shared(job, made)
    }

    fn work(
        &self,
        jobs: &Receiver<Job>,
        cutter: &Sender<Demand>,
        source: &Source,
        manifest: &Manifest,
    ) {
        if let Err(error) = process::lower_priority() {
            tracing::warn!("the priority of snapshots cannot be lowered: {error}");
        }
        for job in jobs {
            let since = Instant::now();
            let result = self.make(&job, source, manifest, cutter);
            self.partners.lock().unwrap_or_else(PoisonError::into_inner).1.clear();
            let took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            match &result {
                Ok(figures) => tracing::info!(
                    "snapshot {} is made: {} keys, {} bytes of segments in {} bytes, {took_ms} ms",
                    job.name,
                    figures.keys,
                    figures.plain_bytes,
                    figures.file_bytes
                ),
                Err(error) => tracing::error!("snapshot {} is not made: {error}", job.name),
            }
            if result.is_ok() {
                self.remove_oldest();
            }
            let mut progress = self.progress();
            progress.running = None;
            match &result {
                Ok(figures) => {
                    progress.made += 1;
                    progress.last_save_ms = job.began_ms;
                    progress.changes_saved = figures.changes;
                }
                Err(_) => progress.failed += 1,
            }
            progress.last = Some(Done {
                name: job.name,
                began_ms: job.began_ms,
                took_ms,
                result: result.map_err(|error| error.to_string()),
            });
        }
    }
}

/// Cuts for the worker, whose priority is too low to keep clients waiting.
fn cut_on_demand(desk: &Snapshots, demands: &Receiver<Demand>, postboxes: &Postboxes<Note>) {
    for Demand { began_ms, role, answer } in demands {
        let cutting = match role {
            Role::Alone => cut_all(postboxes),
            Role::Leads(others) => lead_cut(desk, postboxes, began_ms, &others),
            Role::Follows(leader) => follow_cut(desk, postboxes, began_ms, leader),
        };
        // The worker waits for it.
        let _ = answer.send(cutting);
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
