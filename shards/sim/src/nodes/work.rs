//! Owns what a core's turn does to its disk: batches, syncs, segments that come and go.

use super::MS;
use super::Violation;
use super::core::Place;
use super::world::{Event, World};
use crate::disk::DeviceError;

/// Between syncs of durability `interval`.
const SYNC_INTERVAL_NS: u64 = 100 * MS;

impl World {
    /// Writes the batch, or begins to.
    pub(super) fn write_batch(&mut self, at: Place) -> Result<(), DeviceError> {
        let faults = self.faults();
        let Self { nodes, random, .. } = self;
        let node = &mut nodes[at.node];
        let core = &mut node.cores[at.core];
        core.files.end_turn(&mut core.engine);
        while !core.files.appends.is_empty() && !core.files.direct.is_under_way() {
            core.files.write(&mut core.engine, &mut node.disk, random, faults)?;
        }
        if core.files.direct.is_under_way() && !core.is_syncing {
            self.sync_later(at);
        }
        Ok(())
    }

    /// Begins a sync if somebody waits for one, or if it is time.
    pub(super) fn begin_sync(&mut self, at: Place) {
        let now_ns = self.now_ns;
        let node = &mut self.nodes[at.node];
        let core = &mut node.cores[at.core];
        if core.is_syncing {
            return;
        }
        let is_time = now_ns >= core.synced_ns + SYNC_INTERVAL_NS;
        core.files.begin_sync(&mut core.engine, &node.disk, is_time);
        if core.files.sync.is_some() {
            core.synced_ns = now_ns;
            self.sync_later(at);
        }
    }

    fn sync_later(&mut self, at: Place) {
        let after_ns = MS / 10 + self.random.below(self.weather.sync_ns);
        let node = &mut self.nodes[at.node];
        node.cores[at.core].is_syncing = true;
        let life = node.life;
        self.push(self.out_ns + after_ns, Event::Synced { at, life });
    }

    /// A sync or a direct write is through.
    pub(super) fn synced(&mut self, at: Place) -> Result<(), DeviceError> {
        let faults = self.faults();
        let Self { nodes, random, .. } = self;
        let node = &mut nodes[at.node];
        let core = &mut node.cores[at.core];
        core.is_syncing = false;
        core.files.finish_sync(&mut core.engine, &mut node.disk, random, faults)
    }

    /// Lets the cleaner work, and dead segments be used again.
    pub(super) fn clean(&mut self, at: Place) {
        let is_pressed = self.random.chance(30);
        let frees = self.random.chance(200);
        let room_bytes = self.room_bytes(at.node);
        let node = &mut self.nodes[at.node];
        let core = &mut node.cores[at.core];
        if is_pressed {
            core.engine.store_mut().set_memory(room_bytes);
            core.engine.store_mut().clean_eagerly();
        }
        core.engine.clean();
        if frees && !core.files.direct.is_under_way() {
            core.files.free(&mut core.engine, &mut node.disk);
            core.engine.room_came();
        }
    }

    /// Makes the segments ready that are wanted, as far as there is room.
    pub(super) fn supply(&mut self, at: Place) -> Result<(), Violation> {
        let wants = self.nodes[at.node].cores[at.core].engine.store().segments_wanted() > 0;
        if !wants || self.random.chance(500) {
            return Ok(());
        }
        let is_noticed = self.random.chance(300);
        let Self { nodes, memory, .. } = self;
        let node = &mut nodes[at.node];
        let core = &mut node.cores[at.core];
        let supplied =
            core.files.supply(&mut core.engine, node.segments_max, &mut node.disk, memory);
        let is_full = !supplied && is_noticed;
        core.engine.set_no_segments(is_full.then(|| "the disk is full".to_owned()));
        core.engine.room_came();
        self.retry_held(at)
    }
}
