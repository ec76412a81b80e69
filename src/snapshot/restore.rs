//! Owns `hyperiond restore`: a snapshot becomes a data folder, whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use crc_fast::{CrcAlgorithm, Digest};
use hyperion_runtime::files;
use hyperion_store::{BatchCheck, HEADER_BYTES};

use super::cluster::Manifest;
use super::format::{
    CHUNK_HEAD_BYTES, ChunkHead, Coding, FOOTER_BYTES, Footer, HEAD_BYTES, Head, HeadError,
    IndexCore, IndexSegment, Libraries, crc, low, read_index,
};
use super::restore_error::RestoreError;
use crate::config::{DATABASES_NAME, RESTORED_FUNCTIONS};
use crate::node::{core_folder, segment_path};

const READ_BYTES: usize = 1 << 20;

/// What was restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Restored {
    /// Keys at the cut, expired ones that nobody met too.
    pub(crate) keys: u64,
    pub(crate) segments: usize,
    pub(crate) bytes: u64,
    pub(crate) cores: u16,
    pub(crate) partitions: u16,
    pub(crate) segment_bytes: u32,
    /// Libraries of functions, which the next start takes into its config.
    pub(crate) libraries: usize,
}

impl Restored {
    /// What is told of it.
    pub(crate) fn sentence(&self, data: &Path) -> String {
        format!(
            "restored {} keys, {} bytes in {} segments, {} libraries of functions, to {}; start it without a config, or with one of partitions {} and segment_bytes {}, any \
             number of cores (it was {})",
            self.keys,
            self.bytes,
            self.segments,
            self.libraries,
            data.display(),
            self.partitions,
            self.segment_bytes,
            self.cores
        )
    }
}

pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> RestoreError + '_ {
    |error| RestoreError::Io { path: path.to_path_buf(), error }
}

/// Makes the data folder `to`, which must be empty or not there, out of the snapshot `from`.
///
/// Errors: [`RestoreError`]; the folder is as it was then.
pub(crate) fn restore(from: &Path, to: &Path) -> Result<Restored, RestoreError> {
    if from.extension().is_some_and(|extension| extension == "json") {
        let what = Manifest::read(from).map_or_else(
            |what| what,
            |_| "it names the parts of a snapshot over all nodes; say with --node whose folder is to be made".to_owned(),
        );
        return Err(RestoreError::Parts { path: from.to_path_buf(), what });
    }
    restore_with(from, to, false, |_| Ok(()))
}

/// As [`restore`]; `add` puts more into the folder before it gets its name.
pub(super) fn restore_with(
    from: &Path,
    to: &Path,
    is_part: bool,
    add: impl FnOnce(&Path) -> Result<(), RestoreError>,
) -> Result<Restored, RestoreError> {
    let mut snapshot = Snapshot::open(from)?;
    if snapshot.head.is_part && !is_part {
        return Err(RestoreError::IsPart { path: from.to_path_buf() });
    }
    make_folder(to, |part| {
        let restored = snapshot.write(part)?;
        add(part).map(|()| restored)
    })
}

/// Makes a folder, which must be empty or not there, whole or not at all: `fill` fills it before it gets its name.
///
/// Errors: [`RestoreError`]; the folder is as it was then.
pub(super) fn make_folder<T>(
    to: &Path,
    fill: impl FnOnce(&Path) -> Result<T, RestoreError>,
) -> Result<T, RestoreError> {
    match fs::read_dir(to) {
        Ok(_) if is_mount_point(to) => {
            return Err(RestoreError::MountPoint { path: to.to_path_buf() });
        }
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(RestoreError::NotEmpty { path: to.to_path_buf() });
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(to)(error)),
    }
    // "data/" and "data" are the same folder, but only the second can be renamed to.
    let to: PathBuf = to.components().collect();
    let mut part = to.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(parent).map_err(failed(parent))?;
    fs::create_dir(&part).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => RestoreError::LeftOver { path: part.clone() },
        _ => failed(&part)(error),
    })?;
    let made = fill(&part).and_then(|made| {
        fs::rename(&part, &to).map_err(failed(&to))?;
        files::sync_directory(parent).map_err(failed(parent))?;
        Ok(made)
    });
    if made.is_err() {
        // The first error is the one to tell; what stays is told at the next try.
        let _ = fs::remove_dir_all(&part);
    }
    made
}

/// Whether another file system begins there: such a folder cannot be replaced.
fn is_mount_point(folder: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|found| found.dev());
    match (device(folder), device(&folder.join(".."))) {
        (Ok(own), Ok(above)) => own != above,
        _ => false,
    }
}

/// A segment on its way back. Its file is opened when it is written: there may be more of them than files may be open.
struct Target {
    path: PathBuf,
    check: BatchCheck,
    /// Bytes from its start that are there.
    written: u64,
    /// The next of its chunks.
    next: usize,
}

/// A snapshot that is read.
pub(super) struct Snapshot {
    path: PathBuf,
    file: File,
    head: Head,
    footer: Footer,
    index: Vec<IndexCore>,
    libraries: Libraries,
}

impl Snapshot {
    /// Reads what stands at both ends of the file.
    pub(super) fn open(path: &Path) -> Result<Self, RestoreError> {
        let file = File::open(path).map_err(failed(path))?;
        let length = file.metadata().map_err(failed(path))?.len();
        let damaged = |offset: u64, what: String| RestoreError::Damaged {
            path: path.to_path_buf(),
            offset,
            what,
        };
        let Some(footer_offset) =
            length.checked_sub(FOOTER_BYTES as u64).filter(|&offset| offset >= HEAD_BYTES as u64)
        else {
            return Err(damaged(length, "it is too short for a snapshot".to_owned()));
        };
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, 0).map_err(failed(path))?;
        let head = Head::read(&head).map_err(|error| match error {
            HeadError::Damaged(what) => damaged(0, what),
            HeadError::Version { found, known } => {
                RestoreError::Version { path: path.to_path_buf(), found, known }
            }
        })?;
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, footer_offset).map_err(failed(path))?;
        let footer =
            Footer::read(&footer).map_err(|what| damaged(footer_offset, what.to_owned()))?;
        let fits = footer.index_offset >= HEAD_BYTES as u64
            && footer.index_offset.checked_add(footer.index_bytes) == Some(footer_offset);
        if !fits {
            let what = "the index is not where the footer says".to_owned();
            return Err(damaged(footer_offset, what));
        }
        let mut index = vec![0; usize::try_from(footer.index_bytes).unwrap_or(0)];
        file.read_exact_at(&mut index, footer.index_offset).map_err(failed(path))?;
        let (index, libraries) =
            read_index(&index).map_err(|what| damaged(footer.index_offset, what.to_owned()))?;
        let snapshot = Self { path: path.to_path_buf(), file, head, footer, index, libraries };
        if snapshot.is_sound() {
            Ok(snapshot)
        } else {
            Err(snapshot.damaged(footer.index_offset, "the index does not fit its manifest"))
        }
    }

    /// When it was begun, Unix ms.
    pub(super) fn began_ms(&self) -> u64 {
        self.head.created_ms
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.footer.index_offset + self.footer.index_bytes + FOOTER_BYTES as u64
    }

    fn is_sound(&self) -> bool {
        let manifest = &self.head.manifest;
        let is_sound = |core: u16, segment: &IndexSegment| {
            segment.header.core == core
                && segment.header.instance == manifest.instance
                && segment.header.generation == manifest.generation
                && segment.end as usize >= HEADER_BYTES
                && segment.end <= manifest.segment_bytes
        };
        self.index.len() == usize::from(manifest.cores)
            && (0..)
                .zip(&self.index)
                .all(|(number, core)| core.segments.iter().all(|segment| is_sound(number, segment)))
    }

    fn damaged(&self, offset: u64, what: impl Into<String>) -> RestoreError {
        RestoreError::Damaged { path: self.path.clone(), offset, what: what.into() }
    }

    /// Writes all that the index names into `folder`, and checks every byte of the snapshot.
    fn write(&mut self, folder: &Path) -> Result<Restored, RestoreError> {
        let mut targets: Vec<Vec<Target>> = Vec::new();
        for (number, core) in (0..).zip(&self.index) {
            let core_folder = core_folder(folder, number);
            fs::create_dir(&core_folder).map_err(failed(&core_folder))?;
            let begin = |segment| self.begin(&core_folder, segment);
            targets.push(core.segments.iter().map(begin).collect::<Result<Vec<_>, _>>()?);
        }
        self.write_chunks(&mut targets)?;
        let mut bytes = 0;
        for (core, targets) in self.index.iter().zip(&targets) {
            for (segment, target) in core.segments.iter().zip(targets) {
                if target.written != u64::from(segment.end) || target.next != segment.chunks.len() {
                    let what = format!("segment {} is not whole", segment.header.id);
                    return Err(self.damaged(self.footer.index_offset, what));
                }
                File::open(&target.path)
                    .and_then(|file| file.sync_all())
                    .map_err(failed(&target.path))?;
                bytes += target.written;
            }
        }
        let manifest = &self.head.manifest;
        for number in 0..manifest.cores {
            let path = core_folder(folder, number);
            files::sync_directory(&path).map_err(failed(&path))?;
        }
        if !self.libraries.is_empty() {
            let path = folder.join(RESTORED_FUNCTIONS);
            let text = serde_json::to_vec(&self.libraries).expect("a map of texts is JSON");
            files::replace(&path, &text).map_err(failed(&path))?;
        }
        let path = folder.join("MANIFEST");
        files::replace(&path, &manifest.write()).map_err(failed(&path))?;
        Ok(Restored {
            keys: self.footer.keys,
            segments: targets.iter().map(Vec::len).sum(),
            bytes,
            cores: manifest.cores,
            partitions: manifest.partitions,
            segment_bytes: manifest.segment_bytes,
            libraries: self.libraries.keys().filter(|name| *name != DATABASES_NAME).count(),
        })
    }

    /// Makes the file of a segment, with its header; zeros follow.
    fn begin(&self, folder: &Path, segment: &IndexSegment) -> Result<Target, RestoreError> {
        let path = segment_path(folder, segment.header.id);
        let bytes = u64::from(self.head.manifest.segment_bytes);
        let file = files::create_allocated(&path, bytes).map_err(failed(&path))?;
        let mut header = vec![0; HEADER_BYTES];
        segment.header.write(&mut header);
        file.write_all_at(&header, 0).map_err(failed(&path))?;
        let check = BatchCheck::new(&segment.header);
        Ok(Target { path, check, written: HEADER_BYTES as u64, next: 0 })
    }

    /// Reads the file from its start to the footer.
    fn write_chunks(&self, targets: &mut [Vec<Target>]) -> Result<(), RestoreError> {
        let mut places = BTreeMap::new();
        for (number, core) in (0_u16..).zip(&self.index) {
            for (at, segment) in core.segments.iter().enumerate() {
                places.insert((number, segment.header.id, segment.header.salt), at);
            }
        }
        let mut open = None;
        let mut whole = Digest::new(CrcAlgorithm::Crc32Iscsi);
        let mut reader = BufReader::with_capacity(READ_BYTES, &self.file);
        let mut take = |count: usize, out: &mut Vec<u8>| {
            out.resize(count, 0);
            reader.read_exact(out).map_err(failed(&self.path))?;
            whole.update(out);
            Ok::<(), RestoreError>(())
        };
        let (mut bytes, mut stored, mut plain) = (Vec::new(), Vec::new(), Vec::new());
        take(HEAD_BYTES, &mut bytes)?;
        let (mut offset, mut number) = (HEAD_BYTES as u64, 0);
        while offset < self.footer.index_offset {
            let left = self.footer.index_offset - offset;
            if left < CHUNK_HEAD_BYTES as u64 {
                return Err(self.damaged(offset, "a chunk is cut short"));
            }
            take(CHUNK_HEAD_BYTES, &mut bytes)?;
            let head = bytes.first_chunk().expect("so many bytes were read");
            let head = ChunkHead::read(head).map_err(|what| self.damaged(offset, what))?;
            let length = CHUNK_HEAD_BYTES as u64 + u64::from(head.stored_bytes);
            if head.number != number || length > left {
                return Err(self.damaged(offset, "a chunk is not the one that belongs here"));
            }
            take(head.stored_bytes as usize, &mut stored)?;
            let is_right = decode(&head, &stored, &mut plain) && crc(&plain) == head.plain_crc;
            if !is_right {
                return Err(self.damaged(offset, "the checksum of a chunk is wrong"));
            }
            if let Some(&at) = places.get(&(head.core, head.segment, head.salt)) {
                let target = &mut targets[usize::from(head.core)][at];
                let segment = &self.index[usize::from(head.core)].segments[at];
                self.put(&head, offset, &plain, segment, target, &mut open)?;
            }
            offset += length;
            number += 1;
        }
        take(usize::try_from(self.footer.index_bytes).unwrap_or(0), &mut bytes)?;
        if low(whole.finalize()) != self.footer.whole_crc || number != self.footer.chunks {
            return Err(self.damaged(offset, "the checksum of the whole file is wrong"));
        }
        Ok(())
    }

    /// Writes a chunk into its segment. `open` is the file that was written last, with its path.
    fn put(
        &self,
        head: &ChunkHead,
        offset: u64,
        plain: &[u8],
        segment: &IndexSegment,
        target: &mut Target,
        open: &mut Option<(PathBuf, File)>,
    ) -> Result<(), RestoreError> {
        let is_next = segment.chunks.get(target.next) == Some(&offset)
            && u64::from(head.offset) == target.written
            && target.written + plain.len() as u64 <= u64::from(segment.end);
        if !is_next {
            return Err(self.damaged(offset, "a chunk is not the one that the index names"));
        }
        let is_whole = target.check.whole(plain).is_ok_and(|whole| whole.bytes == plain.len());
        if !is_whole {
            return Err(self.damaged(offset, "a batch of the log is not whole"));
        }
        let file = match open {
            Some((path, file)) if *path == target.path => file,
            _ => {
                let file = File::options().write(true).open(&target.path);
                let file = file.map_err(failed(&target.path))?;
                &mut open.insert((target.path.clone(), file)).1
            }
        };
        file.write_all_at(plain, target.written).map_err(failed(&target.path))?;
        target.written += plain.len() as u64;
        target.next += 1;
        Ok(())
    }
}

/// The plain bytes of a chunk; `false` when they are not as many as it says.
fn decode(head: &ChunkHead, stored: &[u8], plain: &mut Vec<u8>) -> bool {
    plain.clear();
    match head.coding {
        Coding::Raw => plain.extend_from_slice(stored),
        Coding::Brotli => {
            let reader = brotli::Decompressor::new(stored, READ_BYTES.min(stored.len().max(1)));
            let bound = u64::from(head.plain_bytes) + 1;
            if reader.take(bound).read_to_end(plain).is_err() {
                return false;
            }
        }
    }
    plain.len() == head.plain_bytes as usize
}
