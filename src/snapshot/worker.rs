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

use super::cut::{Cutting, cut_all};
use super::error::SnapshotError;
use super::file::{name_at, newest_ms, remove_all_but, remove_parts};
use super::limits::SNAPSHOT_BYTES_A_SECOND;
use super::progress::{Done, Progress, Running};
use super::run::run;
use super::source::Source;
use crate::config::{Published, Size};
use crate::node::Note;
use crate::remedy::Remedy;

/// A snapshot that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) name: String,
    pub(super) began_ms: u64,
}

/// Why none is begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StartRefused {
    /// One is under way.
    #[error("the snapshot {0} is under way; wait for its end, /status shows how far it is")]
    Running(String),
    /// The thread is gone.
    #[error("the thread that makes snapshots has ended; start the node again")]
    Ended,
}

/// What INFO shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SaveFacts {
    /// Seconds since the one under way was begun.
    pub(crate) running_s: Option<u64>,
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
        let desk = Arc::new(Self { folder, jobs, config, progress });
        let (to_cutter, cuts) = channel();
        let source =
            Source { postboxes: postboxes.clone(), data: files.then(|| data.to_path_buf()) };
        thread::Builder::new()
            .name("snapshot-cut".to_owned())
            .spawn(move || cut_on_demand(&cuts, &postboxes))?;
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
        let mut progress = self.progress();
        if let Some(running) = &progress.running {
            return Err(StartRefused::Running(running.name.clone()));
        }
        let began_ms = unix_ms();
        let name = name_at(began_ms);
        let job = Job { name: name.clone(), began_ms };
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

    fn work(
        &self,
        jobs: &Receiver<Job>,
        cutter: &Sender<Sender<Result<Cutting, SnapshotError>>>,
        source: &Source,
        manifest: &Manifest,
    ) {
        if let Err(error) = process::lower_priority() {
            tracing::warn!("the priority of snapshots cannot be lowered: {error}");
        }
        let cut = || {
            let (to, cutting) = channel();
            cutter.send(to).map_err(|_| SnapshotError::NoAnswer)?;
            cutting.recv().map_err(|_| SnapshotError::NoAnswer)?
        };
        for job in jobs {
            let since = Instant::now();
            let result = run(self, source, manifest, &job, cut);
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
fn cut_on_demand(
    demands: &Receiver<Sender<Result<Cutting, SnapshotError>>>,
    postboxes: &Postboxes<Note>,
) {
    for answer in demands {
        // The worker waits for it.
        let _ = answer.send(cut_all(postboxes));
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
