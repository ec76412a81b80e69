//! Owns where a segment begins and ends: the next ready one is taken into use, the full one is sealed, and what was read at a start is adopted.

use super::{Log, SEAL_BYTES};
use crate::batch::BatchKind;
use crate::error::StoreError;
use crate::record::{Extras, Kind};
use crate::segment::{HEADER_BYTES, Header, HeaderState, Role, Segment, State};

impl Log {
    /// Seals the active segment and begins the next ready one.
    pub(super) fn rotate(&mut self, bytes: usize) -> Result<(), StoreError> {
        if !self.fits_next(bytes) {
            self.demand_bytes = self.demand_bytes.max(bytes);
            return Err(StoreError::NoRoom { bytes });
        }
        self.close_copies();
        self.close_batch();
        if let Some(slot) = self.active {
            self.seal(slot);
        }
        let (slot, salt) = self.begin_segment(Role::Log, self.lsn_next, self.next_base_position);
        let segment = &self.segments[slot as usize];
        self.next_base_position += self.segment_bytes as u64;
        self.appended = segment.base_position + HEADER_BYTES as u64;
        self.previous_crc = salt;
        self.active = Some(slot);
        self.segments_changed();
        self.push_append(slot, 0);
        if let Some(lsn) = self.resume_lsn.take() {
            self.lsn_next = lsn;
            self.mark_resume(slot);
        }
        Ok(())
    }

    /// Takes a ready segment, of which there is one, into use.
    pub(super) fn begin_segment(
        &mut self,
        role: Role,
        base_lsn: u64,
        base_position: u64,
    ) -> (u32, u32) {
        let slot = self.ready.pop_front().expect("the caller looked for one");
        #[expect(clippy::cast_possible_truncation, reason = "a salt is 32 bits of it")]
        let salt = self.random() as u32;
        self.uses += 1;
        let segment = &mut self.segments[slot as usize];
        let memory = std::mem::take(&mut segment.memory);
        *segment = Segment {
            state: State::Active,
            role,
            use_number: self.uses,
            salt,
            epoch_ms: self.now_ms,
            base_lsn,
            base_position,
            filled: HEADER_BYTES,
            ..Segment::new(segment.id, memory)
        };
        Header {
            state: HeaderState::InUse,
            core: self.core,
            role,
            id: segment.id,
            base_lsn,
            epoch_ms: segment.epoch_ms,
            instance: self.instance,
            salt,
            generation: self.generation,
        }
        .write(segment.memory);
        self.order.push_back(slot);
        (slot, salt)
    }

    /// What the batch that seals a segment says of it.
    pub(super) fn seal_counts(&self, slot: u32) -> [u8; 32] {
        let segment = &self.segments[slot as usize];
        let mut counts = [0_u8; 32];
        counts[..8].copy_from_slice(&segment.live_bytes.to_le_bytes());
        counts[8..16].copy_from_slice(&segment.base_lsn.to_le_bytes());
        counts[16..24].copy_from_slice(&self.lsn_next.to_le_bytes());
        counts[24..32].copy_from_slice(&(segment.filled as u64).to_le_bytes());
        counts
    }

    fn seal(&mut self, slot: u32) {
        let counts = self.seal_counts(slot);
        self.mark(slot, BatchKind::Seal, &counts);
        self.segments[slot as usize].state = State::Sealed;
        self.look_at_dead = true;
    }

    /// Writes a batch of one mark into the space that is kept back for it.
    pub(super) fn mark(&mut self, slot: u32, kind: BatchKind, value: &[u8]) {
        self.begin(slot, kind);
        self.put_record(slot, Kind::Mark, &Extras::default(), b"", &[value]);
        self.close_batch();
    }

    /// Begins a batch for what is written after a start, so that nothing left over behind the end can follow it.
    pub(crate) fn resume(&mut self, lsn_next: u64) {
        assert!(lsn_next >= self.lsn_next, "resume at {lsn_next}, before {}", self.lsn_next);
        match self.active {
            // The seal's place is kept back twice over by `left_in_active`.
            Some(slot) if self.left_in_active() >= SEAL_BYTES => {
                self.lsn_next = lsn_next;
                self.mark_resume(slot);
                return;
            }
            Some(slot) => {
                // Too full for more: it is sealed as it is, and the next write begins a new segment.
                self.seal(slot);
                self.active = None;
            }
            None => {}
        }
        // Only a batch of kind resume may leave a hole between LSNs; a new segment follows on the one before.
        self.resume_lsn = (lsn_next > self.lsn_next).then_some(lsn_next);
    }

    fn mark_resume(&mut self, slot: u32) {
        let nonce = [self.random().to_le_bytes(), self.random().to_le_bytes()].concat();
        self.mark(slot, BatchKind::Resume, &nonce);
    }

    /// Takes a segment that was read from its file.
    pub(crate) fn adopt(&mut self, header: &Header, memory: &'static mut [u8]) -> u32 {
        let slot = self.add_slot(header.id, memory);
        let segment = &mut self.segments[slot as usize];
        self.uses += 1;
        segment.use_number = self.uses;
        segment.state = State::Sealed;
        segment.role = header.role;
        segment.salt = header.salt;
        segment.epoch_ms = header.epoch_ms;
        segment.base_lsn = header.base_lsn;
        segment.base_position = self.next_base_position;
        segment.filled = HEADER_BYTES;
        self.next_base_position += self.segment_bytes as u64;
        self.order.push_back(slot);
        slot
    }

    /// Everything up to the end of the last adopted segment was read from files that the caller has synced.
    pub(crate) fn recovered(
        &mut self,
        previous_crc: u32,
        lsn_next: u64,
        claimed_lsn: u64,
        tail_is_open: bool,
    ) {
        self.claimed_lsn = claimed_lsn;
        self.look_at_dead = true;
        let is_log = |&slot: &u32| self.segments[slot as usize].role == Role::Log;
        let Some(slot) = self.order.iter().copied().rfind(is_log) else {
            self.lsn_next = lsn_next;
            return;
        };
        let segment = &mut self.segments[slot as usize];
        let end = segment.base_position + segment.filled as u64;
        if tail_is_open {
            segment.state = State::Active;
            self.active = Some(slot);
        }
        self.previous_crc = previous_crc;
        self.lsn_next = lsn_next;
        (self.appended, self.written, self.written_lsn) = (end, end, lsn_next);
        (self.durable, self.durable_lsn) = (end, lsn_next);
    }
}
