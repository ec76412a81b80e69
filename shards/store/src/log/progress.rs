//! Owns how far the log is appended, written and durable, and the sync under way.

use super::{Append, Log, SyncTicket};

impl Log {
    /// End of the last record, whether its batch is closed or not.
    #[inline]
    pub(crate) fn appended_position(&self) -> u64 {
        self.appended
    }

    #[inline]
    pub(crate) fn written_position(&self) -> u64 {
        self.written
    }

    #[inline]
    pub(crate) fn durable_position(&self) -> u64 {
        self.durable
    }

    /// The file took these bytes.
    pub(crate) fn mark_written(&mut self, append: &Append) {
        assert!(
            append.position <= self.appended,
            "written {} is past appended {}",
            append.position,
            self.appended
        );
        self.written = self.written.max(append.position);
        self.written_lsn = self.written_lsn.max(append.lsn);
        self.copies.written = self.copies.written.max(append.copies);
        let segment = &mut self.segments[append.slot as usize];
        segment.written_end = segment.written_end.max(append.end);
    }

    /// Begins a sync of all that is written, unless one is under way or there is nothing.
    pub(crate) fn begin_sync(&mut self) -> Option<SyncTicket> {
        if self.sync_under_way || !self.keeps_files || self.all_written_is_durable() {
            return None;
        }
        let mut slots: Vec<u32> = self.copies.unsettled().collect();
        slots.retain(|&slot| {
            let segment = &mut self.segments[slot as usize];
            segment.syncing_end = segment.written_end;
            segment.syncing_end > segment.durable_end
        });
        for &slot in self.order.iter().rev() {
            let segment = &self.segments[slot as usize];
            if segment.role.is_copies() {
                continue;
            }
            if segment.base_position + segment.filled as u64 <= self.durable {
                break;
            }
            if segment.dirty && segment.base_position < self.written {
                slots.push(slot);
            }
        }
        self.sync_under_way = true;
        let copies = self.copies.written;
        Some(SyncTicket { position: self.written, lsn: self.written_lsn, copies, slots })
    }

    /// Whether the system holds nothing back from the disk.
    pub(crate) fn all_written_is_durable(&self) -> bool {
        self.written == self.durable
            && self
                .copies
                .unsettled()
                .all(|slot| self.segments[slot as usize].is_durable_as_written())
    }

    /// What was synced does not count yet: another sync begins where this one did.
    pub(crate) fn abandon_sync(&mut self) {
        self.sync_under_way = false;
    }

    /// Every file of the ticket was synced.
    pub(crate) fn finish_sync(&mut self, ticket: &SyncTicket) {
        assert!(
            ticket.position <= self.written,
            "durable {} is past written {}",
            ticket.position,
            self.written
        );
        self.sync_under_way = false;
        self.durable = self.durable.max(ticket.position);
        self.durable_lsn = self.durable_lsn.max(ticket.lsn);
        if let Some((_, told)) = self.claim.take_if(|(end, _)| *end <= self.durable) {
            self.claimed_lsn = told;
        }
        self.copies_are_durable(&ticket.slots, ticket.copies);
        if self.late.writers_wait {
            self.look_at_disk();
        }
        if std::mem::take(&mut self.sources_wait) {
            self.look_at_cleaning = true;
        }
        for &slot in &ticket.slots {
            let segment = &mut self.segments[slot as usize];
            if segment.role.is_copies() {
                continue;
            }
            let end = segment.base_position + segment.filled as u64;
            if end <= self.durable {
                segment.dirty = false;
            }
        }
    }

    /// Whether the reuse of a segment waits for a sync.
    pub(crate) fn wants_sync(&mut self) -> bool {
        self.sources_wait || self.copies.wait_for_sync() || self.reuse_waits_for_sync()
    }
}
