//! Owns the making of one snapshot: passes over the log while it goes on, the cut, what is left, the index.

use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hyperion_runtime::files;
use hyperion_store::manifest::Manifest;
use hyperion_store::{BatchCheck, HEADER_BYTES, SegmentHeader, SegmentInUse};

use super::core_part::{CoreList, SnapshotNote};
use super::cut::{Cutting, tell_all};
use super::error::{SnapshotError, failed};
use super::file::SnapshotFile;
use super::format::{ChunkHead, Coding, Head, IndexCore, IndexSegment, Libraries, crc};
use super::job::{Job, Role};
use super::limits::{CHUNK_BYTES, CUT_REMAINDER_BYTES, PASSES_MAX, PIN_RAW_S, PIN_S_MAX};
use super::progress::Figures;
use super::source::{Reading, Source};
use super::worker::Snapshots;
use crate::packing::Compressor;

/// What is copied of one segment.
struct Copy {
    segment: SegmentInUse,
    /// Bytes from the start of the segment, header too.
    copied: usize,
    check: BatchCheck,
    chunks: Vec<u64>,
}

/// One snapshot on its way.
struct Run<'a> {
    desk: &'a Snapshots,
    source: &'a Source,
    file: SnapshotFile,
    /// By core and file id.
    copies: BTreeMap<(u16, u64), Copy>,
    compressor: Compressor,
    plain: Vec<u8>,
    since: Instant,
    /// When what was copied may be there, from the begin; and the bytes that are counted in it.
    due: Duration,
    paced_bytes: u64,
    /// Plain bytes copied, dropped ones too.
    copied_bytes: u64,
    dropped_bytes: u64,
    /// Since when no segment is freed.
    pinned: Option<Instant>,
}

/// Lets the cores free segments again when it is dropped.
struct Pin<'a>(&'a Source);

impl Drop for Pin<'_> {
    fn drop(&mut self) {
        if let Err(error) = tell_all(&self.0.postboxes, || SnapshotNote::Unpin) {
            tracing::error!("segments stay in use after a snapshot: {error}");
        }
    }
}

/// Makes a snapshot. `cut` cuts all cores, on a thread of ordinary priority.
///
/// Errors: [`SnapshotError`]; nothing is left on the disk then.
pub(super) fn run(
    desk: &Snapshots,
    source: &Source,
    manifest: &Manifest,
    job: &Job,
    cut: impl Fn() -> Result<Cutting, SnapshotError>,
) -> Result<Figures, SnapshotError> {
    let folder = desk.folder();
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let parent = folder.parent().unwrap_or(folder);
    files::sync_directory(parent).map_err(failed(parent))?;
    let path = folder.join(&job.file);
    let is_part = !matches!(job.role, Role::Alone);
    let head = Head { created_ms: job.began_ms, is_part, manifest: manifest.clone() };
    let mut run = Run {
        desk,
        source,
        file: SnapshotFile::create(&path, &head).map_err(failed(&path))?,
        copies: BTreeMap::new(),
        compressor: Compressor::default(),
        plain: Vec::new(),
        since: Instant::now(),
        due: Duration::ZERO,
        paced_bytes: 0,
        copied_bytes: 0,
        dropped_bytes: 0,
        pinned: None,
    };
    let mut passes = 0;
    loop {
        let lists = source.lists()?;
        run.drop_freed(&lists);
        // One pass at least: what is little is copied before the cut too.
        let is_little = passes > 0 && run.left_bytes(&lists) <= CUT_REMAINDER_BYTES;
        if is_little || passes == PASSES_MAX {
            break;
        }
        passes += 1;
        run.copy_all(&lists)?;
    }
    desk.phase("cutting");
    let pin = Pin(source);
    let cutting = cut()?;
    let pinned = cutting.at;
    run.pinned = Some(pinned);
    desk.phase("finishing");
    run.drop_freed(&cutting.lists);
    run.copy_all(&cutting.lists)?;
    drop(pin);
    let pinned_ms = u64::try_from(pinned.elapsed().as_millis()).unwrap_or(u64::MAX);
    // The parts of a snapshot over all nodes have the config beside them.
    let libraries = if is_part { Libraries::new() } else { desk.libraries() };
    let index = run.index(&cutting.lists, manifest)?;
    let Run { file, compressor, dropped_bytes, .. } = run;
    let file_bytes = file.finish(&index, &libraries).map_err(failed(&path))?;
    let ends = index.iter().flat_map(|core| &core.segments).map(|segment| segment.end);
    Ok(Figures {
        keys: index.iter().map(|core| core.keys).sum(),
        plain_bytes: ends.map(u64::from).sum(),
        file_bytes,
        level: compressor.level(),
        probe: compressor.probe,
        passes,
        cut_tries: cutting.tries,
        cut_hold_us: cutting.cut.held_us(),
        pinned_ms,
        dropped_bytes,
        changes: cutting.lists.iter().map(|list| list.changes).sum(),
    })
}

fn core_of(list: &CoreList) -> u16 {
    u16::try_from(list.core).expect("cores are counted in 16 bits")
}

impl Run<'_> {
    /// Forgets the copies of segments that are not in use any more.
    fn drop_freed(&mut self, lists: &[CoreList]) {
        let in_use: BTreeMap<(u16, u64), &SegmentInUse> = lists
            .iter()
            .flat_map(|list| list.segments.iter().map(|one| ((core_of(list), one.header.id), one)))
            .collect();
        let mut dropped = 0;
        self.copies.retain(|place, copy| {
            let is_kept =
                in_use.get(place).is_some_and(|segment| copy.segment.is_same_use(&segment.header));
            if !is_kept {
                dropped += (copy.copied - HEADER_BYTES) as u64;
            }
            is_kept
        });
        self.dropped_bytes += dropped;
    }

    /// Bytes that are still to be copied of what the lists name.
    fn left_bytes(&self, lists: &[CoreList]) -> u64 {
        let left = |core: u16, segment: &SegmentInUse| {
            let copied = self
                .copies
                .get(&(core, segment.header.id))
                .map_or(HEADER_BYTES, |copy| copy.copied);
            segment.end.saturating_sub(copied) as u64
        };
        lists
            .iter()
            .flat_map(|list| list.segments.iter().map(|segment| left(core_of(list), segment)))
            .sum()
    }

    /// Copies what the lists name, core by core, the oldest segments first.
    fn copy_all(&mut self, lists: &[CoreList]) -> Result<(), SnapshotError> {
        let mut left = self.left_bytes(lists);
        for list in lists {
            for segment in &list.segments {
                let before = self.copied_bytes;
                self.copy(core_of(list), segment, left)?;
                left = left.saturating_sub(self.copied_bytes - before);
            }
        }
        Ok(())
    }

    /// Copies a segment from where its copy ends. One that is freed meanwhile is left as it is.
    fn copy(
        &mut self,
        core: u16,
        segment: &SegmentInUse,
        left_bytes: u64,
    ) -> Result<(), SnapshotError> {
        let mut copy = self.copies.remove(&(core, segment.header.id)).unwrap_or_else(|| Copy {
            segment: *segment,
            copied: HEADER_BYTES,
            check: BatchCheck::new(&segment.header),
            chunks: Vec::new(),
        });
        if copy.copied < segment.end
            && let Some(reading) = self.source.open(core, segment)?
        {
            let left_bytes = left_bytes + self.copied_bytes;
            while copy.copied < segment.end
                && self.copy_chunk(core, segment, &reading, &mut copy)?
            {
                self.show(left_bytes);
                self.hold_down()?;
            }
        }
        self.copies.insert((core, segment.header.id), copy);
        Ok(())
    }

    /// Copies the next whole batches; `false`: the segment is not in this use any more.
    fn copy_chunk(
        &mut self,
        core: u16,
        segment: &SegmentInUse,
        reading: &Reading,
        copy: &mut Copy,
    ) -> Result<bool, SnapshotError> {
        let (start, left) = (copy.copied, segment.end - copy.copied);
        let mut wanted = left.min(CHUNK_BYTES);
        loop {
            let part = start..start + wanted;
            if !self.source.read(reading, segment, part, &mut self.plain)? {
                return Ok(false);
            }
            let before = copy.check.clone();
            match copy.check.whole(&self.plain) {
                Ok(whole) if whole.bytes > 0 => {
                    self.write_chunk(core, segment, copy, whole.bytes)?;
                    return Ok(true);
                }
                // One batch that is longer than a chunk.
                Ok(whole) if whole.next_bytes > wanted && whole.next_bytes <= left => {
                    wanted = whole.next_bytes;
                }
                broken => {
                    // Written over by the segment's next use, or not what was written.
                    if !self.source.is_same_use(reading, segment)? {
                        copy.check = before;
                        return Ok(false);
                    }
                    let inside = broken.err().unwrap_or(0);
                    if let Some(path) = reading.path() {
                        tracing::error!("{} is damaged", path.display());
                    }
                    return Err(damaged(core, &segment.header, start + inside));
                }
            }
        }
    }

    fn write_chunk(
        &mut self,
        core: u16,
        segment: &SegmentInUse,
        copy: &mut Copy,
        bytes: usize,
    ) -> Result<(), SnapshotError> {
        let plain = &self.plain[..bytes];
        let hurry = self.pinned.is_some_and(|since| since.elapsed().as_secs() >= PIN_RAW_S);
        let packed = if hurry { None } else { self.compressor.pack(plain) };
        let coding = if packed.is_some() { Coding::Brotli } else { Coding::Raw };
        let stored = packed.unwrap_or(plain);
        let in_32_bits = |bytes: usize| u32::try_from(bytes).expect("segments are below 4 GiB");
        let head = ChunkHead {
            core,
            coding,
            offset: in_32_bits(copy.copied),
            segment: segment.header.id,
            salt: segment.header.salt,
            plain_bytes: in_32_bits(bytes),
            stored_bytes: in_32_bits(stored.len()),
            plain_crc: crc(plain),
            number: 0,
        };
        let place = self.file.chunk(head, stored).map_err(failed(self.desk.folder()))?;
        copy.chunks.push(place);
        copy.copied += bytes;
        self.copied_bytes += bytes as u64;
        Ok(())
    }

    fn show(&self, whole_bytes: u64) {
        let left_bytes = whole_bytes.saturating_sub(self.copied_bytes);
        let level = self.compressor.level();
        self.desk.show(self.copied_bytes, left_bytes, self.file.bytes, level);
    }

    /// Waits where it goes too fast, before the cut; behind it, looks that it does not take too long.
    fn hold_down(&mut self) -> Result<(), SnapshotError> {
        if let Some(since) = self.pinned {
            let is_late = since.elapsed().as_secs() >= PIN_S_MAX;
            return if is_late { Err(SnapshotError::Slow) } else { Ok(()) };
        }
        // By parts: another speed in the config counts from here on.
        let bytes = self.copied_bytes - self.paced_bytes;
        self.paced_bytes = self.copied_bytes;
        self.due += Duration::from_nanos(bytes * 1_000_000_000 / self.desk.bytes_a_second());
        let early = self.due.saturating_sub(self.since.elapsed());
        sleep(early);
        Ok(())
    }

    /// What is in use at the cut, each segment copied up to it.
    fn index(
        &mut self,
        lists: &[CoreList],
        manifest: &Manifest,
    ) -> Result<Vec<IndexCore>, SnapshotError> {
        let segment = |list: &CoreList, copies: &mut BTreeMap<_, Copy>, segment: &SegmentInUse| {
            let copy = copies.remove(&(core_of(list), segment.header.id));
            let is_whole = |copy: &Copy| {
                copy.segment.is_same_use(&segment.header) && copy.copied == segment.end
            };
            let copy = copy
                .filter(is_whole)
                .ok_or_else(|| damaged(core_of(list), &segment.header, segment.end))?;
            let header = SegmentHeader { instance: manifest.instance, ..segment.header };
            let end = u32::try_from(segment.end).expect("segments are below 4 GiB");
            Ok(IndexSegment { header, end, chunks: copy.chunks })
        };
        lists
            .iter()
            .map(|list| {
                let segments = list.segments.iter().map(|one| segment(list, &mut self.copies, one));
                Ok(IndexCore { keys: list.keys, segments: segments.collect::<Result<_, _>>()? })
            })
            .collect()
    }
}

fn damaged(core: u16, header: &SegmentHeader, offset: usize) -> SnapshotError {
    SnapshotError::Damaged { core, segment: header.id, offset: offset as u64 }
}
