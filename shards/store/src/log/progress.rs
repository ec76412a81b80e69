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
    }

    /// Begins a sync of all that is written, unless one is under way or there is nothing.
    pub(crate) fn begin_sync(&mut self) -> Option<SyncTicket> {
        if self.sync_under_way || !self.keeps_files || self.written == self.durable {
            return None;
        }
        let mut slots = Vec::new();
        for &slot in self.order.iter().rev() {
            let segment = &self.segments[slot as usize];
            if segment.base_position + segment.filled as u64 <= self.durable {
                break;
            }
            if segment.dirty && segment.base_position < self.written {
                slots.push(slot);
            }
        }
        self.sync_under_way = true;
        Some(SyncTicket { position: self.written, lsn: self.written_lsn, slots })
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
        for &slot in &ticket.slots {
            let segment = &mut self.segments[slot as usize];
            let end = segment.base_position + segment.filled as u64;
            if end <= self.durable {
                segment.dirty = false;
            }
        }
    }

    /// Whether the reuse of a segment waits for a sync.
    pub(crate) fn wants_sync(&mut self) -> bool {
        self.reuse_waits_for_sync()
    }
}
