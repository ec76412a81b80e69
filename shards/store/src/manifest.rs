//! Owns the bytes of MANIFEST: what must be known before any segment is read.
//!
//! 64 bytes: magic 8, format version u16, cores u16, partitions u16, starts u16, segment bytes u32, generation u32, instance 16 bytes,
//! hash seed u64, 12 zero, crc u32. Which segments are in use stands in their own headers.

use crate::mend;
use crate::record::{read_u32, read_u64_short};
use crate::segment::FORMAT_VERSION;
use crc_fast::crc32_iscsi;
use thiserror::Error;

/// Bytes of a manifest.
pub const MANIFEST_BYTES: usize = 64;
const MAGIC: &[u8; 8] = b"HYPRMANI";

/// What a data directory says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The node that the data belongs to.
    pub instance: [u8; 16],
    /// Cores that wrote the segments.
    pub cores: u16,
    /// Partitions of the key space; fixed at creation.
    pub partitions: u16,
    /// How often the node was started on this data.
    pub starts: u16,
    /// Size of every segment file.
    pub segment_bytes: u32,
    /// Segments of other generations are left over from a change of the cores.
    pub generation: u32,
    /// Seed of the index's hash.
    pub hash_seed: u64,
}

/// Why a manifest cannot be used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ManifestError {
    /// Not ours, or torn.
    #[error(
        "MANIFEST is damaged ({0}); restore it from a backup, start with --repair, which mends one wrong bit, or move the data \
         directory away to start empty"
    )]
    Damaged(&'static str),
    /// Written by another release.
    #[error(
        "MANIFEST has format version {found}, this program knows version {FORMAT_VERSION}; start the release that wrote it, or a later one"
    )]
    Version {
        /// What the file says.
        found: u16,
    },
}

impl Manifest {
    /// The bytes of the file.
    #[must_use]
    pub fn write(&self) -> [u8; MANIFEST_BYTES] {
        let mut out = [0; MANIFEST_BYTES];
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        out[10..12].copy_from_slice(&self.cores.to_le_bytes());
        out[12..14].copy_from_slice(&self.partitions.to_le_bytes());
        out[14..16].copy_from_slice(&self.starts.to_le_bytes());
        out[16..20].copy_from_slice(&self.segment_bytes.to_le_bytes());
        out[20..24].copy_from_slice(&self.generation.to_le_bytes());
        out[24..40].copy_from_slice(&self.instance);
        out[40..48].copy_from_slice(&self.hash_seed.to_le_bytes());
        let crc = crc32_iscsi(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it is damaged or of another version.
    pub fn read(bytes: &[u8]) -> Result<Self, ManifestError> {
        let word = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        if bytes.len() < 10 || &bytes[..8] != MAGIC {
            return Err(ManifestError::Damaged("it does not begin as a manifest does"));
        }
        // Another version may have another size and another checksum.
        let other = (word(8) != FORMAT_VERSION).then(|| ManifestError::Version { found: word(8) });
        let Ok(bytes) = <&[u8; MANIFEST_BYTES]>::try_from(bytes) else {
            return Err(other.unwrap_or(ManifestError::Damaged("its size is not 64 bytes")));
        };
        if crc32_iscsi(&bytes[..60]) != read_u32(bytes, 60) {
            let is_flipped = other.is_none() || mend::is_one_bit_from(bytes, FORMAT_VERSION);
            let damaged = ManifestError::Damaged("its checksum is wrong");
            return Err(other.filter(|_| !is_flipped).unwrap_or(damaged));
        }
        if let Some(other) = other {
            return Err(other);
        }
        let mut instance = [0; 16];
        instance.copy_from_slice(&bytes[24..40]);
        Ok(Self {
            instance,
            cores: word(10),
            partitions: word(12),
            starts: word(14),
            segment_bytes: read_u32(bytes, 16),
            generation: read_u32(bytes, 20),
            hash_seed: read_u64_short(&bytes[40..48]),
        })
    }
}
