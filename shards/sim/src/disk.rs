//! Owns the virtual disk: what was written, what of it is safe, and what a crash leaves.

use crate::random::Random;
use std::collections::BTreeMap;

/// What a power cut may tear apart.
const SECTOR_BYTES: usize = 512;

/// A file: core and segment id.
pub type FileId = (u16, u64);

struct Pending {
    sequence: u64,
    start: usize,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    visible: Vec<u8>,
    pending: Vec<Pending>,
}

/// The device failed; what of the bytes arrived is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceError;

/// The files of one node.
#[derive(Default)]
pub struct Disk {
    files: BTreeMap<FileId, File>,
    sequence: u64,
    lies: Lies,
}

/// What the disk claims and does not do: for the controls that the checks can fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lies {
    /// Nothing.
    #[default]
    None,
    /// Syncs report success and do nothing.
    Syncs,
    /// Direct writes complete while their bytes lie in a cache that a power cut empties.
    DirectWrites,
}

impl Disk {
    /// An empty disk; one that lies is there to be found out.
    #[must_use]
    pub fn new(lies: Lies) -> Self {
        Self { lies, ..Self::default() }
    }

    /// Another disk with what a start would find on this one now.
    #[must_use]
    pub fn copied(&self) -> Self {
        let copy = |file: &File| {
            let (durable, visible) = (file.visible.clone(), file.visible.clone());
            File { durable, visible, pending: Vec::new() }
        };
        let files = self.files.iter().map(|(id, file)| (*id, copy(file))).collect();
        Self { files, sequence: self.sequence, lies: self.lies }
    }

    /// A file of zeros, safe on the disk.
    pub fn create(&mut self, file: FileId, bytes: usize) {
        let zeros = vec![0; bytes];
        let new = File { durable: zeros.clone(), visible: zeros, pending: Vec::new() };
        self.files.insert(file, new);
    }

    /// All files of a core: id and bytes.
    pub fn files(&self, core: u16) -> impl Iterator<Item = (u64, &[u8])> {
        self.files
            .range((core, 0)..=(core, u64::MAX))
            .map(|(&(_, id), file)| (id, &file.visible[..]))
    }

    /// Writes, visible to the next start of the process.
    pub fn write(&mut self, file: FileId, start: usize, bytes: &[u8]) {
        self.sequence += 1;
        let file = self.files.get_mut(&file).expect("files are created before they are written");
        file.visible[start..start + bytes.len()].copy_from_slice(bytes);
        file.pending.push(Pending { sequence: self.sequence, start, bytes: bytes.to_vec() });
    }

    /// A direct write completes: its bytes are safe. `start` and length are whole sectors.
    pub fn write_through(&mut self, id: FileId, start: usize, bytes: &[u8]) {
        if self.lies == Lies::DirectWrites {
            return self.write(id, start, bytes);
        }
        self.tear_through(id, start, bytes, || true);
    }

    /// A direct write ends half way: each sector of it arrives for which `arrives` says so. `start` and length are whole sectors.
    ///
    /// # Panics
    /// When a sector of it was written and not synced before: a direct write must not meet what the system holds back.
    pub fn tear_through(
        &mut self,
        id: FileId,
        start: usize,
        bytes: &[u8],
        mut arrives: impl FnMut() -> bool,
    ) {
        let lies = self.lies == Lies::DirectWrites;
        let file = self.files.get_mut(&id).expect("files are created before they are written");
        let end = start + bytes.len();
        let meets = |write: &Pending| write.start < end && start < write.start + write.bytes.len();
        assert!(
            lies || !file.pending.iter().any(meets),
            "a direct write of {start}..{end} into {id:?} meets an unsynced write"
        );
        for (sector, bytes) in bytes.chunks(SECTOR_BYTES).enumerate() {
            let from = start + sector * SECTOR_BYTES;
            if arrives() {
                file.visible[from..from + bytes.len()].copy_from_slice(bytes);
                file.durable[from..from + bytes.len()].copy_from_slice(bytes);
            }
        }
    }

    /// Names all that was written until now.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Makes what was written into the file up to `sequence` safe.
    pub fn sync(&mut self, file: FileId, sequence: u64) {
        if self.lies == Lies::Syncs {
            return;
        }
        let file = self.files.get_mut(&file).expect("files are created before they are synced");
        let File { durable, pending, .. } = file;
        pending.retain(|write| {
            if write.sequence <= sequence {
                durable[write.start..write.start + write.bytes.len()].copy_from_slice(&write.bytes);
            }
            write.sequence > sequence
        });
    }

    /// Syncs every file, as a start does before it reads.
    pub fn sync_all(&mut self) {
        let (sequence, files) = (self.sequence, self.files.keys().copied().collect::<Vec<_>>());
        files.into_iter().for_each(|file| self.sync(file, sequence));
    }

    /// The power fails: of every sector one of its versions since the last sync is left.
    pub fn cut_power(&mut self, random: &mut Random) {
        let keep_parts = [0, 300, 500, 900, 1000][random.index(5)];
        for file in self.files.values_mut() {
            let mut sectors: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for (at, write) in file.pending.iter().enumerate() {
                let last = (write.start + write.bytes.len() - 1) / SECTOR_BYTES;
                for sector in write.start / SECTOR_BYTES..=last {
                    sectors.entry(sector).or_default().push(at);
                }
            }
            for (sector, writes) in sectors {
                // A later version holds what the earlier ones brought.
                let kept =
                    if random.chance(keep_parts) { random.index(writes.len()) + 1 } else { 0 };
                for &at in &writes[..kept] {
                    let write = &file.pending[at];
                    let end = write.start + write.bytes.len();
                    let from = write.start.max(sector * SECTOR_BYTES);
                    let to = end.min((sector + 1) * SECTOR_BYTES);
                    file.durable[from..to]
                        .copy_from_slice(&write.bytes[from - write.start..to - write.start]);
                }
            }
            file.pending.clear();
            file.visible.copy_from_slice(&file.durable);
        }
    }
}
