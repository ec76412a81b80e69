//! Owns the end of a turn: the batch goes to its file, syncs begin, what was released leaves.
//!
//! The batch is written with pwrite on the core itself. On the ring, a buffered write to ext4 is handed to a worker thread,
//! which costs more than the copy into the page cache does. Syncs go through the ring.

use std::io;
use std::time::{Duration, Instant};

use hyperion_engine::{Durability, Effect};
use hyperion_runtime::{ConnectionId, FileId};
use hyperion_store::{Append, SyncTicket};

use super::Io;
use super::core::{Mail, NodeCore};
use crate::front::limits::OUTPUT_KEEP_BYTES;

/// Exit code of a node whose disk failed: what was not answered may be lost, what was answered is not.
pub(crate) const EXIT_DISK: i32 = 74;
/// Rounds of writing and settling in one turn; what is left goes on in the next.
const ROUNDS: usize = 4;
/// Token of a sync that frees a segment: its slot is added.
const TOKEN_FREE: u64 = 1 << 32;
/// Token of a commit's sync.
const TOKEN_SYNC: u64 = 1;

/// The files of one core's segments, and the sync under way.
#[derive(Debug, Default)]
pub(super) struct Commit {
    /// By slot.
    pub(super) files: Vec<Option<FileId>>,
    appends: Vec<Append>,
    sync: Option<(SyncTicket, usize, Instant)>,
    last_sync_ns: u64,
    freeing: Vec<u32>,
}

impl NodeCore {
    pub(super) fn end_turn(&mut self, io: &mut Io) {
        for _ in 0..ROUNDS {
            self.write_batch(io);
            self.engine.settle();
            self.carry_out(io);
            if self.engine.take_unlocked() {
                self.retry_held(io);
            } else if !self.engine.has_open_batch() {
                break;
            }
        }
        self.write_batch(io);
        self.engine.settle();
        self.carry_out(io);
        self.begin_sync(io);
        self.flush(io);
        self.post_mail(io);
        self.ask_for_segments();
        if self.engine.has_open_batch() || !self.dirty.is_empty() {
            io.wake_again();
        }
        if self.stopping {
            self.finish(io);
        }
    }

    fn write_batch(&mut self, io: &mut Io) {
        let mut appends = std::mem::take(&mut self.commit.appends);
        self.engine.end_turn(&mut appends);
        for append in &appends {
            let bytes = self.engine.store().append_bytes(append);
            let file = self.commit.files.get(append.slot as usize).copied().flatten();
            let Some(file) = file else { die("a segment in use has no file") };
            let timed = Instant::now();
            if let Err(error) = io.write_inline(file, append.start as u64, bytes) {
                die(&format!("writing segment {} failed: {error}", self.engine.store().segment_id(append.slot)));
            }
            self.counters.writes.add(timed.elapsed());
            self.counters.bytes_logged += bytes.len() as u64;
            self.engine.written(append);
        }
        appends.clear();
        self.commit.appends = appends;
    }

    fn carry_out(&mut self, io: &mut Io) {
        let mut effects = std::mem::take(&mut self.effects);
        self.engine.take_effects(&mut effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Mail { to, mail } => self.links[usize::from(to.0)].backlog.push_back(Mail::Engine(mail)),
                Effect::Finished { ticket, answer } => self.finished(io, ticket, answer),
            }
        }
        self.effects = effects;
    }

    /// Begins a sync if somebody waits for one, or if it is time.
    fn begin_sync(&mut self, io: &mut Io) {
        if self.commit.sync.is_some() {
            return;
        }
        let interval_ns = u64::from(self.config.settings().sync_interval_ms) * 1_000_000;
        let is_time = io.now_ns().saturating_sub(self.commit.last_sync_ns) >= interval_ns;
        let wanted = match self.engine.settings().durability {
            Durability::Always => true,
            Durability::Interval => is_time || self.engine.wants_sync(),
            Durability::Never => self.engine.wants_sync() || is_time && self.engine.awaits_sync(),
        };
        if !wanted && !self.stopping {
            return;
        }
        let Some(ticket) = self.engine.store_mut().begin_sync() else { return };
        self.commit.last_sync_ns = io.now_ns();
        let mut begun = 0;
        for &slot in &ticket.slots {
            if let Some(file) = self.commit.files.get(slot as usize).copied().flatten() {
                io.sync(file, TOKEN_SYNC);
                begun += 1;
            }
        }
        self.commit.sync = Some((ticket, begun, Instant::now()));
        if begun == 0 {
            self.finish_sync();
        }
    }

    /// A sync on the ring is through.
    pub(super) fn synced(&mut self, token: u64, result: io::Result<()>) {
        if let Err(error) = result {
            // The kernel may have dropped the pages: trying again would report success for data that is gone.
            die(&format!("a sync failed: {error}"));
        }
        if token >= TOKEN_FREE {
            let slot = u32::try_from(token - TOKEN_FREE).expect("a slot was added");
            self.engine.store_mut().freed(slot);
            self.commit.freeing.retain(|&other| other != slot);
            return;
        }
        let Some((_, left, _)) = &mut self.commit.sync else { return };
        *left -= 1;
        if *left == 0 {
            self.finish_sync();
        }
    }

    fn finish_sync(&mut self) {
        if let Some((ticket, _, since)) = self.commit.sync.take() {
            self.counters.syncs.add(since.elapsed());
            self.engine.synced(&ticket);
        }
    }

    /// Writes and syncs the headers of dead segments, so that they can be used again.
    pub(super) fn free_segments(&mut self, io: &mut Io) {
        let mut headers = Vec::new();
        self.engine.store_mut().free_dead(&mut headers);
        for slot in headers {
            let Some(file) = self.commit.files.get(slot as usize).copied().flatten() else {
                die("a segment that was in use has no file")
            };
            if let Err(error) = io.write_inline(file, 0, self.engine.store().header_bytes(slot)) {
                die(&format!("writing the header of segment {} failed: {error}", self.engine.store().segment_id(slot)));
            }
            self.commit.freeing.push(slot);
            io.sync(file, TOKEN_FREE + u64::from(slot));
        }
    }

    /// Sends what may leave.
    fn flush(&mut self, io: &mut Io) {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.append(&mut self.waiting);
        for connection in dirty.drain(..) {
            self.flush_client(io, connection);
        }
        // The list itself is used again.
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    fn flush_client(&mut self, io: &mut Io, connection: ConnectionId) {
        let released = self.engine.released_position();
        let Some(client) = self.clients.get(connection) else { return };
        client.is_dirty = false;
        if io.is_sending(connection) {
            return;
        }
        if !client.output.is_in_order() {
            client.output.merge(released);
        }
        let mut bytes = std::mem::take(&mut self.spare);
        client.output.take_released(released, &mut bytes);
        let is_done = client.is_closing && client.output.is_empty() && client.output.is_in_order();
        if client.output.waits_for_log() {
            self.waiting.push(connection);
        }
        if !bytes.is_empty() {
            io.send(connection, &mut bytes);
            bytes.clear();
        }
        if bytes.capacity() <= OUTPUT_KEEP_BYTES {
            self.spare = bytes;
        }
        if is_done {
            io.close_after_send(connection);
        }
    }

    /// Leaves when everything begun is on the disk and sent.
    fn finish(&mut self, io: &mut Io) {
        let durable = self.engine.store().durable_position() >= self.engine.store().appended_position();
        if durable && self.commit.sync.is_none() && self.engine.is_settled() {
            io.stop();
        } else {
            std::thread::sleep(Duration::from_micros(100));
            io.wake_again();
        }
    }
}

/// The disk failed: nothing more is acknowledged.
pub(super) fn die(what: &str) -> ! {
    tracing::error!("{what}; the node stops so that nothing is acknowledged that may be lost: check the disk, then start again");
    std::process::exit(EXIT_DISK)
}
