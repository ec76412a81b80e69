//! Owns the supply of segments: files and memory are made ready by a side thread, ahead of their use.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyperion_engine::Durability;
use hyperion_runtime::arena::{self, ArenaView};
use hyperion_runtime::{Keeper, Postbox, files};
use hyperion_store::Unbacked;

use super::Io;
use super::commit::SegmentFile;
use super::core::NodeCore;
use super::listing;
use super::messages::Note;
use super::segment_files::unfinished;
use crate::remedy::Remedy;

/// Ticks to wait after a segment could not be made.
const RETRY_TICKS: u32 = 10;

/// What the side thread has for a core.
pub(crate) enum Supplied {
    /// A segment: its file (if any) is filled, its memory populated.
    Ready {
        /// Number of the file.
        id: u64,
        /// The file, none in memory mode.
        file: Option<File>,
        /// The same file for direct writes, where they pay.
        direct: Option<File>,
        /// The memory.
        memory: &'static mut [u8],
    },
    /// It could not be made.
    Failed(NotMade),
}

/// Why a segment could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotMade {
    /// What was to be made, where, and what the system says.
    what: String,
    remedy: Remedy,
}

impl NotMade {
    /// For a start: what to do.
    pub(super) fn advice(&self) -> String {
        format!("{}; {}", self.what, self.remedy.advice())
    }

    /// For writes: how long they are refused.
    fn refusal(&self) -> String {
        format!("{}; writes are refused until {}", self.what, self.remedy.until())
    }
}

/// One core's supply.
pub(super) struct Supply {
    keeper: Arc<Keeper>,
    /// The side thread that has memory backed. Not that of the segments: those take long.
    memory: Arc<Keeper>,
    postbox: Postbox<Note>,
    /// Where the files lie; none in memory mode.
    folder: Option<PathBuf>,
    segment_bytes: usize,
    /// Direct commits pay on this disk.
    direct: bool,
    next_id: u64,
    under_way: usize,
    pause_ticks: u32,
}

/// The path of a segment's file.
pub(crate) fn segment_path(folder: &Path, id: u64) -> PathBuf {
    folder.join(format!("segment-{id:08}.hyp"))
}

/// The folder of a core's files.
pub(crate) fn core_folder(data: &Path, core: u16) -> PathBuf {
    data.join(format!("core-{core:03}"))
}

/// Makes one segment.
///
/// `filled`: the file's blocks are written with zeros, so that a sync of the log never carries metadata. It pays where every
/// commit is synced; otherwise allocated blocks do, at a tenth of the processor time.
pub(super) fn make_segment(
    folder: Option<&Path>,
    id: u64,
    bytes: usize,
    filled: bool,
) -> Result<(Option<File>, &'static mut [u8]), NotMade> {
    let (file, memory) = make_unbacked_segment(folder, id, bytes, filled)?;
    match arena::populate(memory) {
        Ok(()) => Ok((file, memory)),
        Err(error) => Err(no_memory(bytes, &error)),
    }
}

fn no_memory(bytes: usize, error: &io::Error) -> NotMade {
    NotMade {
        what: format!("no memory for a segment of {bytes} bytes: {error}"),
        remedy: Remedy::Memory,
    }
}

/// As [`make_segment`], and the memory gets its pages when it is written.
pub(super) fn make_unbacked_segment(
    folder: Option<&Path>,
    id: u64,
    bytes: usize,
    filled: bool,
) -> Result<(Option<File>, &'static mut [u8]), NotMade> {
    let file = match folder {
        None => None,
        Some(folder) => {
            let path = segment_path(folder, id);
            let made = make_file(&path, bytes as u64, filled)
                .and_then(|file| {
                    let listed = files::sync_directory(folder);
                    let listed = listed.and_then(|()| listing::put_on(folder, id));
                    // On no list it would not be missed once it is lost; on the list and not there it would be missed for nothing.
                    listed.inspect_err(|_| drop(listing::remove_file(&path)))?;
                    Ok(file)
                })
                .map_err(|error| NotMade {
                    what: format!(
                        "no segment of {bytes} bytes can be made at {}: {error}",
                        path.display()
                    ),
                    remedy: Remedy::of(&error),
                })?;
            Some(made)
        }
    };
    let memory = arena::allocate(bytes).map_err(|error| no_memory(bytes, &error))?;
    Ok((file, memory))
}

/// Makes the file of a segment, which gets its name when its length is on the disk: a crash on the way leaves no short segment.
fn make_file(path: &Path, bytes: u64, filled: bool) -> io::Result<File> {
    if path.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let begun = unfinished(path);
    // Left by a crash on the way.
    let _ = fs::remove_file(&begun);
    let create = if filled { files::create_filled } else { files::create_allocated };
    let file = create(&begun, bytes)?;
    fs::rename(&begun, path).inspect_err(|_| {
        // The first error is the one to tell; what stays goes with the next start.
        let _ = fs::remove_file(&begun);
    })?;
    Ok(file)
}

/// Opens a segment for direct writes. Without it commits go through the page cache.
pub(super) fn open_direct(folder: &Path, id: u64) -> Option<File> {
    files::open_direct(&segment_path(folder, id)).unwrap_or_else(|error| {
        tracing::warn!("segment {id} cannot be opened for direct writes: {error}; its commits go through the page cache");
        None
    })
}

impl Supply {
    pub(super) fn new(
        (keeper, memory): (Arc<Keeper>, Arc<Keeper>),
        postbox: Postbox<Note>,
        folder: Option<PathBuf>,
        segment_bytes: usize,
        direct: bool,
        next_id: u64,
    ) -> Self {
        Self {
            keeper,
            memory,
            postbox,
            folder,
            segment_bytes,
            direct,
            next_id,
            under_way: 0,
            pause_ticks: 0,
        }
    }

    fn order(&mut self, filled: bool) {
        let direct = self.direct;
        let (id, bytes, folder, postbox) =
            (self.next_id, self.segment_bytes, self.folder.clone(), self.postbox.clone());
        let job = Box::new(move || {
            let supplied = match make_segment(folder.as_deref(), id, bytes, filled) {
                Ok((file, memory)) => {
                    let folder = folder.as_deref().filter(|_| direct);
                    Supplied::Ready {
                        id,
                        file,
                        direct: folder.and_then(|folder| open_direct(folder, id)),
                        memory,
                    }
                }
                Err(why) => Supplied::Failed(why),
            };
            let mut note = Note::Supplied(supplied);
            while let Err(back) = postbox.post(note) {
                note = back;
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        if self.keeper.run(job).is_ok() {
            self.next_id += 1;
            self.under_way += 1;
        }
    }
}

impl NodeCore {
    /// The file of a segment, for a sentence.
    pub(super) fn segment_name(&self, slot: u32) -> String {
        let id = self.engine.store().segment_id(slot);
        match &self.supply.folder {
            Some(folder) => segment_path(folder, id).display().to_string(),
            None => format!("segment {id}"),
        }
    }

    /// Orders the segments that the log will want.
    pub(super) fn ask_for_segments(&mut self) {
        if self.supply.pause_ticks > 0 || self.stopping {
            return;
        }
        let wanted = self.engine.store().segments_wanted();
        let filled = self.engine.settings().durability == Durability::Always;
        while self.supply.under_way < wanted {
            let before = self.supply.under_way;
            self.supply.order(filled);
            if self.supply.under_way == before {
                break;
            }
        }
    }

    /// Has memory backed that will be used soon: a core that touched it first would zero a huge page at a time.
    pub(super) fn back_memory(&mut self) {
        while let Some(Unbacked { address, bytes }) = self.engine.store_mut().take_unbacked() {
            // With its hands full the side thread leaves it to the first use, which is slower.
            let _ = self.supply.memory.run(Box::new(move || arena::back(address, bytes)));
        }
    }

    /// The side thread has made a segment, or could not.
    pub(super) fn supplied(&mut self, io: &mut Io, supplied: Supplied) {
        self.supply.under_way -= 1;
        match supplied {
            Supplied::Ready { id, file, direct, memory } => {
                let view = ArenaView::of(memory);
                let slot = self.engine.store_mut().add_ready(id, memory) as usize;
                if self.commit.files.len() <= slot {
                    self.commit.files.resize(slot + 1, None);
                }
                let direct = direct.map(|file| (io.add_file(file), view));
                self.commit.files[slot] =
                    file.map(|file| SegmentFile { cached: io.add_file(file), direct });
                if self.no_segments.take().is_some() {
                    tracing::info!("segments can be made again");
                    self.engine.set_no_segments(None);
                    self.has_room(io, true);
                }
            }
            Supplied::Failed(why) => {
                let refusal = why.refusal();
                if self.no_segments.as_ref() != Some(&refusal) {
                    tracing::error!(
                        "{}; writes are refused when the segment in use is full, until {}: {}",
                        why.what,
                        why.remedy.until(),
                        why.remedy.advice()
                    );
                }
                self.engine.set_no_segments(Some(refusal.clone()));
                if self.no_segments.replace(refusal).is_none() {
                    self.has_room(io, false);
                }
                self.supply.pause_ticks = RETRY_TICKS;
            }
        }
        self.engine.room_came();
        self.retry_held(io);
    }

    /// Counts down the pause after a failure, and gives back what is more than is needed.
    pub(super) fn tick_supply(&mut self, io: &mut Io) {
        self.engine.store_mut().give_idle(arena::forget);
        self.supply.pause_ticks = self.supply.pause_ticks.saturating_sub(1);
        while let Some((slot, id, memory)) = self.engine.store_mut().take_surplus() {
            let file = self.commit.files.get_mut(slot as usize).and_then(Option::take);
            let file = file.map(|file| {
                (
                    io.take_file(file.cached),
                    file.direct.and_then(|(direct, _)| io.take_file(direct)),
                )
            });
            let path = self.supply.folder.as_ref().map(|folder| segment_path(folder, id));
            let job = Box::new(move || {
                drop(file);
                if let Some(path) = path
                    && let Err(error) = listing::remove_file(&path)
                {
                    tracing::warn!(
                        "{} cannot be removed: {error}; it is used again after the next start",
                        path.display()
                    );
                }
                arena::release(memory);
            });
            let busy = self.supply.keeper.run(job).err();
            if let Some(busy) = busy.and_then(|busy| self.supply.memory.run(busy.0).err()) {
                // The side threads have their hands full: this one is given back right here.
                (busy.0)();
            }
        }
    }
}
