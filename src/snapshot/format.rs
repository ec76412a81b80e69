//! Owns the bytes of a snapshot file, version 1; README.md shows them with their offsets.

use std::collections::BTreeMap;

use crc_fast::checksum;
use hyperion_store::manifest::{MANIFEST_BYTES, Manifest, ManifestError};
use hyperion_store::{HeaderState, SegmentHeader};

use super::limits::{CHUNK_BYTES_MAX, INDEX_BYTES_MAX};

/// The version that is written and read.
pub(super) const VERSION: u16 = 1;
/// Bytes before the first chunk.
pub(super) const HEAD_BYTES: usize = 96;
/// Bytes before a chunk's data.
pub(super) const CHUNK_HEAD_BYTES: usize = 48;
/// The last bytes of the file.
pub(super) const FOOTER_BYTES: usize = 64;
/// Bytes of a segment's header that are kept: zeros follow.
const SEGMENT_HEADER_BYTES: usize = 68;
const MAGIC: &[u8; 8] = b"HYPRSNAP";
const CHUNK_MAGIC: &[u8; 4] = b"CHNK";
const INDEX_MAGIC: &[u8; 8] = b"HYPRINDX";
const LIBRARIES_MAGIC: &[u8; 8] = b"HYPRFUNC";
const FOOTER_MAGIC: &[u8; 8] = b"HYPRDONE";

/// CRC-32/ISCSI.
pub(super) fn crc(bytes: &[u8]) -> u32 {
    low(checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes))
}

/// The 32 bits of a checksum of 32 bits.
pub(super) fn low(checksum: u64) -> u32 {
    u32::try_from(checksum).expect("the checksum has 32 bits")
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn wide(bytes: &[u8], at: usize) -> u64 {
    u64::from(long(bytes, at)) | u64::from(long(bytes, at + 4)) << 32
}

/// Why a head cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HeadError {
    /// Another release wrote the file, or the data in it.
    Version { found: u16, known: u16 },
    /// A few words on what is wrong.
    Damaged(String),
}

/// The first bytes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Unix ms.
    pub(super) created_ms: u64,
    /// It is one node's part of a snapshot over all nodes.
    pub(super) is_part: bool,
    /// The manifest that the restored data gets.
    pub(super) manifest: Manifest,
}

impl Head {
    pub(super) fn write(&self) -> [u8; HEAD_BYTES] {
        let mut out = [0; HEAD_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&VERSION.to_le_bytes());
        out[10] = u8::from(self.is_part);
        out[16..24].copy_from_slice(&self.created_ms.to_le_bytes());
        out[24..24 + MANIFEST_BYTES].copy_from_slice(&self.manifest.write());
        let crc = crc(&out[..HEAD_BYTES - 4]);
        out[HEAD_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Errors: another version, or a few words on what is wrong.
    pub(super) fn read(bytes: &[u8; HEAD_BYTES]) -> Result<Self, HeadError> {
        let damaged = |what: &str| Err(HeadError::Damaged(what.to_owned()));
        if &bytes[..8] != MAGIC {
            return damaged("it does not begin as a snapshot does");
        }
        let mut right = *bytes;
        right[8..10].copy_from_slice(&VERSION.to_le_bytes());
        // Another version may have its checksum elsewhere; with a bit of the version flipped, all else is right.
        let is_whole =
            |bytes: &[u8; HEAD_BYTES]| crc(&bytes[..HEAD_BYTES - 4]) == long(bytes, HEAD_BYTES - 4);
        match word(bytes, 8) {
            VERSION => {}
            _ if is_whole(&right) => return damaged("the checksum of the file's head is wrong"),
            found => return Err(HeadError::Version { found, known: VERSION }),
        }
        if !is_whole(bytes) {
            return damaged("the checksum of the file's head is wrong");
        }
        let manifest =
            Manifest::read(&bytes[24..24 + MANIFEST_BYTES]).map_err(|error| match error {
                ManifestError::Version { found } => {
                    HeadError::Version { found, known: hyperion_store::FORMAT_VERSION }
                }
                error @ ManifestError::Damaged(_) => {
                    HeadError::Damaged(format!("its copy of the manifest cannot be used: {error}"))
                }
            })?;
        Ok(Self { created_ms: wide(bytes, 16), is_part: bytes[10] == 1, manifest })
    }
}

/// How a chunk's data is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Raw,
    Brotli,
}

/// What stands before a chunk's data: whole batches of one segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkHead {
    pub(super) core: u16,
    pub(super) coding: Coding,
    /// Of the first byte in the segment.
    pub(super) offset: u32,
    /// The segment's file id, and the salt of this use of it.
    pub(super) segment: u64,
    pub(super) salt: u32,
    pub(super) plain_bytes: u32,
    pub(super) stored_bytes: u32,
    /// Of the plain bytes.
    pub(super) plain_crc: u32,
    /// Counts the chunks of the file from 0.
    pub(super) number: u64,
}

impl ChunkHead {
    pub(super) fn write(&self) -> [u8; CHUNK_HEAD_BYTES] {
        let mut out = [0; CHUNK_HEAD_BYTES];
        out[..4].copy_from_slice(CHUNK_MAGIC);
        out[8..10].copy_from_slice(&self.core.to_le_bytes());
        out[10] = u8::from(self.coding == Coding::Brotli);
        out[12..16].copy_from_slice(&self.offset.to_le_bytes());
        out[16..24].copy_from_slice(&self.segment.to_le_bytes());
        out[24..28].copy_from_slice(&self.plain_bytes.to_le_bytes());
        out[28..32].copy_from_slice(&self.stored_bytes.to_le_bytes());
        out[32..36].copy_from_slice(&self.plain_crc.to_le_bytes());
        out[36..40].copy_from_slice(&self.salt.to_le_bytes());
        out[40..48].copy_from_slice(&self.number.to_le_bytes());
        let crc = crc(&out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Errors: a few words on what is wrong.
    pub(super) fn read(bytes: &[u8; CHUNK_HEAD_BYTES]) -> Result<Self, &'static str> {
        if &bytes[..4] != CHUNK_MAGIC || crc(&bytes[8..]) != long(bytes, 4) {
            return Err("the checksum of a chunk's head is wrong");
        }
        let head = Self {
            core: word(bytes, 8),
            coding: match bytes[10] {
                0 => Coding::Raw,
                1 => Coding::Brotli,
                _ => return Err("a chunk is stored in a way that this release does not know"),
            },
            offset: long(bytes, 12),
            segment: wide(bytes, 16),
            plain_bytes: long(bytes, 24),
            stored_bytes: long(bytes, 28),
            plain_crc: long(bytes, 32),
            salt: long(bytes, 36),
            number: wide(bytes, 40),
        };
        let longest = head.plain_bytes.max(head.stored_bytes) as usize;
        if longest > CHUNK_BYTES_MAX || head.plain_bytes == 0 {
            return Err("a chunk's length is out of bounds");
        }
        Ok(head)
    }
}

/// A segment as it is in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IndexSegment {
    pub(super) header: SegmentHeader,
    /// Where the cut is: bytes from the start of the segment.
    pub(super) end: u32,
    /// Where its chunks begin in the file, in order.
    pub(super) chunks: Vec<u64>,
}

/// One core's part of the index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct IndexCore {
    /// Keys at the cut, expired ones that nobody met too.
    pub(super) keys: u64,
    /// The oldest first.
    pub(super) segments: Vec<IndexSegment>,
}

/// What of the config belongs to the data: libraries of functions, each with its code by its name, and the order of the databases under
/// [`DATABASES_NAME`](crate::config::DATABASES_NAME).
pub(super) type Libraries = BTreeMap<String, String>;

/// The bytes of the index.
pub(super) fn write_index(cores: &[IndexCore], libraries: &Libraries) -> Vec<u8> {
    let mut out = INDEX_MAGIC.to_vec();
    out.extend_from_slice(&(cores.len() as u64).to_le_bytes());
    for core in cores {
        out.extend_from_slice(&core.keys.to_le_bytes());
        out.extend_from_slice(&(core.segments.len() as u64).to_le_bytes());
        for segment in &core.segments {
            let mut header = vec![0; hyperion_store::HEADER_BYTES];
            segment.header.write(&mut header);
            out.extend_from_slice(&header[..SEGMENT_HEADER_BYTES]);
            out.extend_from_slice(&segment.end.to_le_bytes());
            out.extend_from_slice(&(segment.chunks.len() as u64).to_le_bytes());
            segment.chunks.iter().for_each(|chunk| out.extend_from_slice(&chunk.to_le_bytes()));
        }
    }
    if !libraries.is_empty() {
        out.extend_from_slice(LIBRARIES_MAGIC);
        out.extend_from_slice(&(libraries.len() as u64).to_le_bytes());
        for text in libraries.iter().flat_map(|(name, code)| [name, code]) {
            out.extend_from_slice(&(text.len() as u64).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out.extend_from_slice(&crc(&out).to_le_bytes());
    out
}

/// Errors: a few words on what is wrong.
pub(super) fn read_index(bytes: &[u8]) -> Result<(Vec<IndexCore>, Libraries), &'static str> {
    const SHORT: &str = "the index is shorter than it says";
    let Some((mut rest, checksum)) = bytes.split_last_chunk::<4>() else {
        return Err(SHORT);
    };
    if crc(rest) != u32::from_le_bytes(*checksum) {
        return Err("the checksum of the index is wrong");
    }
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at_checked(count).ok_or(SHORT)?;
        rest = left;
        Ok::<&[u8], &'static str>(taken)
    };
    if take(8)? != INDEX_MAGIC {
        return Err("the index does not begin as one does");
    }
    let cores = wide(take(8)?, 0);
    let mut index = Vec::new();
    for _ in 0..cores {
        let counts = take(16)?;
        let mut core = IndexCore { keys: wide(counts, 0), segments: Vec::new() };
        for _ in 0..wide(counts, 8) {
            let header = SegmentHeader::read(take(SEGMENT_HEADER_BYTES)?)?
                .filter(|header| header.state == HeaderState::InUse)
                .ok_or("the index names a segment that is not in use")?;
            let end = long(take(4)?, 0);
            let count = usize::try_from(wide(take(8)?, 0)).map_err(|_| SHORT)?;
            let places = take(count.checked_mul(8).ok_or(SHORT)?)?;
            let chunks = places.as_chunks::<8>().0.iter().map(|place| u64::from_le_bytes(*place));
            core.segments.push(IndexSegment { header, end, chunks: chunks.collect() });
        }
        index.push(core);
    }
    Ok((index, read_libraries(rest)?))
}

/// Errors: a few words on what is wrong.
fn read_libraries(mut rest: &[u8]) -> Result<Libraries, &'static str> {
    const WRONG: &str = "the libraries of functions in the index are not whole";
    let mut libraries = Libraries::new();
    if rest.is_empty() {
        return Ok(libraries);
    }
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at_checked(count).ok_or(WRONG)?;
        rest = left;
        Ok::<&[u8], &'static str>(taken)
    };
    if take(8)? != LIBRARIES_MAGIC {
        return Err(WRONG);
    }
    for _ in 0..wide(take(8)?, 0) {
        let mut text = || {
            let count = usize::try_from(wide(take(8)?, 0)).map_err(|_| WRONG)?;
            String::from_utf8(take(count)?.to_vec()).map_err(|_| WRONG)
        };
        libraries.insert(text()?, text()?);
    }
    Ok(libraries)
}

/// The last bytes of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) index_offset: u64,
    pub(super) index_bytes: u64,
    /// Of the segments as they are restored, headers too.
    pub(super) plain_bytes: u64,
    pub(super) keys: u64,
    pub(super) chunks: u64,
    /// Of all bytes before the footer.
    pub(super) whole_crc: u32,
}

impl Footer {
    pub(super) fn write(&self) -> [u8; FOOTER_BYTES] {
        let mut out = [0; FOOTER_BYTES];
        out[..8].copy_from_slice(FOOTER_MAGIC);
        let fields =
            [self.index_offset, self.index_bytes, self.plain_bytes, self.keys, self.chunks];
        for (place, field) in out[8..48].as_chunks_mut::<8>().0.iter_mut().zip(fields) {
            *place = field.to_le_bytes();
        }
        out[48..52].copy_from_slice(&self.whole_crc.to_le_bytes());
        let crc = crc(&out[..FOOTER_BYTES - 4]);
        out[FOOTER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Errors: a few words on what is wrong.
    pub(super) fn read(bytes: &[u8; FOOTER_BYTES]) -> Result<Self, &'static str> {
        if &bytes[..8] != FOOTER_MAGIC {
            return Err("the file does not end as a snapshot does: it was cut short");
        }
        if crc(&bytes[..FOOTER_BYTES - 4]) != long(bytes, FOOTER_BYTES - 4) {
            return Err("the checksum of the footer is wrong");
        }
        let footer = Self {
            index_offset: wide(bytes, 8),
            index_bytes: wide(bytes, 16),
            plain_bytes: wide(bytes, 24),
            keys: wide(bytes, 32),
            chunks: wide(bytes, 40),
            whole_crc: long(bytes, 48),
        };
        if footer.index_bytes > INDEX_BYTES_MAX {
            return Err("the index's length is out of bounds");
        }
        Ok(footer)
    }
}
