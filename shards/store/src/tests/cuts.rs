//! Owns power cuts that keep of the log, and of the copies beside it, what they like.

use super::disk::{Disk, World};
use crate::segment::{Header, Role};

pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % sides
    }

    pub(super) fn at(&mut self, most: usize) -> usize {
        usize::try_from(self.roll(most as u64 + 1)).expect("small")
    }
}

pub(super) fn role_of(bytes: &[u8]) -> Option<Role> {
    Header::read(bytes).ok().flatten().map(|header| header.role)
}

pub(super) fn copies_in(disk: &Disk) -> Vec<u64> {
    let is_copies = |bytes: &&Vec<u8>| role_of(bytes).is_some_and(Role::is_copies);
    disk.files.iter().filter(|(_, bytes)| is_copies(bytes)).map(|(&id, _)| id).collect()
}

/// What a power cut may leave: all that was synced, a beginning of what was written to the log since, another of the copies, and every
/// header that was freed, for those are synced one by one.
pub(super) struct Cuts {
    /// Files as they were synced last, and writes until then.
    base: Disk,
    synced: usize,
    /// Places of freed headers among the writes.
    freed: Vec<usize>,
}

impl Cuts {
    pub(super) fn at(disk: &Disk) -> Self {
        let base = Disk { files: disk.files.clone(), writes: Vec::new() };
        Self { base, synced: disk.writes.len(), freed: Vec::new() }
    }

    pub(super) fn sync(&mut self, world: &mut World) {
        world.sync();
        *self = Self::at(&world.disk);
    }

    pub(super) fn free(&mut self, world: &mut World) {
        let before = world.disk.writes.len();
        world.free();
        self.freed.extend(before..world.disk.writes.len());
    }

    /// Bytes written to the log and beside it since the sync.
    pub(super) fn unsynced(&self, disk: &Disk) -> [usize; 2] {
        let (mut bytes, copies) = ([0; 2], copies_in(disk));
        for (at, (id, _, written)) in disk.writes.iter().enumerate().skip(self.synced) {
            if !self.freed.contains(&at) {
                bytes[usize::from(copies.contains(id))] += written.len();
            }
        }
        bytes
    }

    pub(super) fn cut(&self, disk: &Disk, mut left: [usize; 2]) -> Disk {
        let copies = copies_in(disk);
        let mut cut = self.base.clone();
        for (at, (id, start, written)) in disk.writes.iter().enumerate().skip(self.synced) {
            let stays = self.freed.contains(&at);
            let left = &mut left[usize::from(copies.contains(id))];
            let mut taken = written.len();
            if !stays && *left < taken {
                // Whole sectors.
                taken = ((start + *left) / 512 * 512).saturating_sub(*start);
                *left = 0;
            } else if !stays {
                *left -= taken;
            }
            if taken > 0 {
                cut.put(*id, *start, &written[..taken]);
            }
        }
        cut
    }
}
