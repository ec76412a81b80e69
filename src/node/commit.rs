//! Owns the end of a turn: the batch goes to its file, syncs begin, what was released leaves.
//!
//! Two ways, chosen by durability and by a probe of the disk at start:
//! - `interval` and `never`: pwrite into the page cache on the core itself (on the ring, a buffered write to ext4 is handed to
//!   a worker thread, which costs more than the copy), then an fsync on the ring when it is time.
//! - `always`: one direct write of whole blocks on the ring that is durable when it completes; batches that come meanwhile
//!   are one batch, written when it is through. Where direct writes do not pay: the first way, with an fsync a batch.
//!   Both wait for more commands where more are about to come (`gathering`).

use std::io;
use std::time::{Duration, Instant};

use hyperion_engine::{Durability, Effect};
use hyperion_runtime::FileId;
use hyperion_runtime::arena::ArenaView;
use hyperion_runtime::files::DIRECT_BLOCK_BYTES;
use hyperion_store::{Append, SyncTicket};

use super::Io;
use super::core::NodeCore;
use super::gathering::Gathering;
use super::limits::CLEANING_MAX;
use super::messages::Mail;

/// Exit code of a node whose disk failed: what was not answered may be lost, what was answered is not.
pub(crate) const EXIT_DISK: i32 = 74;
/// Rounds of writing and settling in one turn; what is left goes on in the next.
const ROUNDS: usize = 4;
/// Tokens of work on a segment's file: the segment's slot is added. A commit's sync.
const TOKEN_SYNC: u64 = 1 << 32;
/// A direct write.
const TOKEN_DIRECT: u64 = 2 << 32;
/// A sync that frees the segment.
const TOKEN_FREE: u64 = 3 << 32;
/// What of a token is the slot.
const TOKEN_SLOT: u64 = (1 << 32) - 1;

/// One segment's file, as the ring knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SegmentFile {
    pub(super) cached: FileId,
    /// The same file past the page cache, and the memory that is written to it.
    pub(super) direct: Option<(FileId, ArenaView)>,
}

/// The files of one core's segments, and the sync under way.
#[derive(Debug, Default)]
pub(super) struct Commit {
    /// By slot.
    pub(super) files: Vec<Option<SegmentFile>>,
    appends: Vec<Append>,
    /// Appends whose direct writes are under way, writes that are, and when they began.
    direct: Vec<Append>,
    pub(super) direct_left: usize,
    direct_since: Option<Instant>,
    pub(super) sync: Option<(SyncTicket, usize, Instant)>,
    last_sync_ns: u64,
    freeing: Vec<u32>,
    /// The open batch waits for the next turn's commands, and has waited for so many turns.
    pub(super) is_held: bool,
    /// A commit waits for other clients' writes.
    pub(super) gathers: bool,
    pub(super) gathering: Gathering,
    /// What is durable was told in the log, before the stop, and that nothing is left to do to the other cores.
    said_last: bool,
    said_done: bool,
    /// A segment was freed: what waits for room is tried again.
    has_room: bool,
    /// More is durable than when dead segments were last looked for.
    may_free: bool,
    pub(super) holds: u32,
}

impl NodeCore {
    pub(super) fn end_turn(&mut self, io: &mut Io) {
        io.begin_part();
        self.go_on_retrying(io);
        if std::mem::take(&mut self.commit.has_room) {
            self.engine.room_came();
            self.retry_held(io);
        }
        if std::mem::take(&mut self.is_unfinished) {
            self.retry_held(io);
            if self.is_unfinished {
                io.wake_again();
            }
        }
        if self.engine.work_slices() {
            io.wake_again();
        }
        if self.finds_expired && !self.stopping && self.sweep_expired() {
            io.wake_again();
        }
        if self.is_evicting && !self.stopping {
            self.evict_for_a_while();
            if self.is_evicting {
                io.wake_again();
            }
        }
        if !self.stopping && self.clean() {
            io.wake_again();
        }
        self.go_on_growing(io);
        self.hear_of_peers(io);
        self.drive_groups();
        self.end_late_waits(io);
        self.hold(io);
        for _ in 0..ROUNDS {
            self.run_ready_work(io);
            self.write_batch(io);
            self.drive_groups();
            self.engine.settle();
            self.serve_blocked();
            self.carry_out(io);
            if self.engine.take_unlocked() {
                self.retry_held(io);
            } else if !self.engine.has_ready_work() && !self.engine.has_open_batch()
                || self.commit.direct_left > 0
                || self.commit.is_held
            {
                break;
            }
        }
        self.write_batch(io);
        self.drive_groups();
        self.engine.settle();
        self.serve_blocked();
        self.carry_out(io);
        self.send_shown(io);
        self.send_forwarded();
        self.send_placed();
        self.send_foreign_answers();
        self.look_for_copies(io);
        self.take_own_answers(io);
        if self.has_unsent_places() {
            io.wake_again();
        }
        if self.engine.has_changes() || !self.invalid.is_empty() {
            self.invalidate(io);
        }
        self.tell_listeners(io);
        self.publish_to_nodes();
        self.flush_peers(io);
        if std::mem::take(&mut self.commit.may_free) && self.engine.store().has_emptied() {
            self.free_segments(io);
        }
        self.begin_sync(io);
        self.note_cut();
        let holds = self.snapshot.holds();
        if !holds {
            self.pump_streams(io);
            // Before the sends: the other cores begin while the kernel carries ours.
            self.post_mail(io);
            self.flush(io);
        }
        self.ask_for_segments();
        self.back_memory();
        if self.spent.give_back() {
            io.wake_again();
        }
        if self.engine.has_open_batch() && self.commit.direct_left == 0 && !self.commit.gathers
            || !self.dirty.is_empty() && !holds
            || self.engine.has_snapshot_work()
            || !self.late.is_empty()
            || self.engine.has_ready_work()
            || !self.retried.is_empty()
            || self.is_unfinished
        {
            io.wake_again();
        }
        if self.stopping && !holds {
            self.finish(io);
        }
    }

    fn clean(&mut self) -> bool {
        let engine = &mut self.engine;
        if !engine.store().wants_cleaning() {
            return false;
        }
        let since = self.observer.latencies.is_on().then(Instant::now);
        let begun = Instant::now();
        let is_enough = || begun.elapsed() >= CLEANING_MAX;
        let goes_on = self.turn.cleaning(|| engine.clean_until(is_enough));
        self.note_latency("cleaning", since);
        while let Some(slot) = self.engine.store_mut().take_spoiled() {
            tracing::error!(
                "core {}: the memory of {} has changed by itself: a record's checksum is wrong; the segment stays as it is, and keys in it may \
                 be wrong: stop the node, which reads the files again at the next start, and have the machine's memory tested",
                self.index,
                self.segment_name(slot)
            );
        }
        goes_on
    }

    fn segment_file(&self, slot: u32) -> SegmentFile {
        let file = self.commit.files.get(slot as usize).copied().flatten();
        file.unwrap_or_else(|| die("a segment in use has no file"))
    }

    fn write_batch(&mut self, io: &mut Io) {
        if self.commit.direct_left > 0 {
            return;
        }
        // What the page cache still owes the disk is synced first: a direct write is about itself alone.
        let store = self.engine.store();
        let is_direct = self.engine.settings().durability == Durability::Always
            && self.commit.sync.is_none()
            && !self.engine.owes_epoch()
            && store.all_written_is_durable();
        if is_direct && self.commit.is_held {
            return;
        }
        let mut appends = std::mem::take(&mut self.commit.appends);
        self.engine.end_turn(&mut appends);
        let has_direct = |append: &Append| self.segment_file(append.slot).direct.is_some();
        if is_direct && !appends.is_empty() && appends.iter().all(has_direct) {
            self.commit_direct(io, &appends);
            self.commit.direct.append(&mut appends);
            self.commit.appends = appends;
            return;
        }
        for append in &appends {
            let bytes = self.engine.store().append_bytes(append);
            let file = self.segment_file(append.slot).cached;
            let timed = Instant::now();
            if let Err(error) = io.write_inline(file, append.start as u64, bytes) {
                die(&format!("writing {} failed: {error}", self.segment_name(append.slot)));
            }
            self.counters.writes.add(timed.elapsed());
            self.counters.bytes_logged += bytes.len() as u64;
            self.engine.written(append);
            self.note_latency("aof-write", Some(timed));
        }
        appends.clear();
        self.commit.appends = appends;
    }

    /// Writes the blocks of these appends so that they are durable when the writes complete. Blocks at the ends are shared with
    /// the batches before and after: the first hold the same bytes again, the last are written once more by the next commit.
    fn commit_direct(&mut self, io: &mut Io, appends: &[Append]) {
        self.commit.direct_since = Some(Instant::now());
        self.commit.gathering.began(self.engine.store().records_appended());
        for append in appends {
            if let Some((file, arena)) = self.segment_file(append.slot).direct {
                let start = append.start / DIRECT_BLOCK_BYTES * DIRECT_BLOCK_BYTES;
                io.write_arena(
                    file,
                    arena,
                    start..append.end.next_multiple_of(DIRECT_BLOCK_BYTES),
                    TOKEN_DIRECT + u64::from(append.slot),
                );
                self.commit.direct_left += 1;
            }
        }
    }

    /// A direct write is durable.
    fn direct_done(&mut self, io: &Io) {
        self.commit.direct_left -= 1;
        if self.commit.direct_left > 0 {
            return;
        }
        if let Some(since) = self.commit.direct_since.take() {
            self.count_commit(io, since.elapsed());
            self.note_latency("aof-fsync", Some(since));
        }
        self.commit.may_free = true;
        for append in self.commit.direct.drain(..) {
            self.counters.bytes_logged += (append.end - append.start) as u64;
            self.engine.written(&append);
        }
        self.engine.written_directly();
    }

    /// A commit has ended after `took`.
    fn count_commit(&mut self, io: &Io, took: Duration) {
        self.commit.gathering.ended(self.engine.store().records_appended(), took, io.now_ns());
        self.counters.syncs.add(took);
    }

    fn carry_out(&mut self, io: &mut Io) {
        let mut effects = std::mem::take(&mut self.effects);
        self.engine.take_effects(&mut effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Mail { to, mail } => {
                    self.links[usize::from(to.0)].backlog.push_back(Mail::Engine(mail));
                }
                Effect::Finished { ticket, answer } => self.finished(io, ticket, answer),
                Effect::Told { ticket, observed, told, is_last } => {
                    self.tell_part(io, ticket, observed, &told, is_last);
                }
                Effect::Unknown { ticket } => self.end_unknown(io, ticket),
                Effect::Span { to, mail } => self.send_span(to, &mail),
                Effect::Cluster { state } => self.cluster_changed(io, &state),
                Effect::Hosted { partition, is_here } => self.hosted_changed(partition, is_here),
                Effect::Stop { why } => die(&why),
                Effect::Leader { partition, leader } => self.leader_news(partition, leader),
                Effect::CloseFrom { position } => self.close_from(io, position),
            }
        }
        self.effects = effects;
    }

    /// Begins a sync if somebody waits for one, or if it is time.
    fn begin_sync(&mut self, io: &mut Io) {
        if self.commit.sync.is_some() || self.commit.direct_left > 0 {
            return;
        }
        let interval_ns = u64::from(self.config.settings().sync_interval_ms) * 1_000_000;
        let is_time = io.now_ns().saturating_sub(self.commit.last_sync_ns) >= interval_ns;
        let wanted = match self.engine.settings().durability {
            Durability::Always => !self.commit.gathers,
            Durability::Interval => is_time || self.engine.wants_sync(),
            Durability::Never => self.engine.wants_sync() || is_time && self.engine.awaits_sync(),
        };
        if !wanted && !self.stopping {
            return;
        }
        let Some(ticket) = self.engine.begin_sync() else { return };
        self.commit.last_sync_ns = io.now_ns();
        self.commit.gathering.began(self.engine.store().records_appended());
        let mut begun = 0;
        for &slot in &ticket.slots {
            if let Some(file) = self.commit.files.get(slot as usize).copied().flatten() {
                io.sync(file.cached, TOKEN_SYNC + u64::from(slot));
                begun += 1;
            }
        }
        self.commit.sync = Some((ticket, begun, Instant::now()));
        if begun == 0 {
            self.finish_sync(io);
        }
    }

    /// A sync on the ring is through.
    pub(super) fn synced(&mut self, io: &Io, token: u64, result: io::Result<()>) {
        let slot = u32::try_from(token & TOKEN_SLOT).expect("32 bits were kept");
        let kind = token & !TOKEN_SLOT;
        if let Err(error) = result {
            // The kernel may have dropped the pages: trying again would report success for data that is gone.
            let what = if kind == TOKEN_DIRECT { "a direct write to" } else { "a sync of" };
            die(&format!("{what} {} failed: {error}", self.segment_name(slot)));
        }
        if kind == TOKEN_DIRECT {
            return self.direct_done(io);
        }
        if kind == TOKEN_FREE {
            self.engine.store_mut().freed(slot);
            self.commit.has_room = true;
            self.commit.freeing.retain(|&other| other != slot);
            return;
        }
        let Some((_, left, _)) = &mut self.commit.sync else { return };
        *left -= 1;
        if *left == 0 {
            self.finish_sync(io);
        }
    }

    fn finish_sync(&mut self, io: &Io) {
        self.commit.may_free = true;
        if let Some((ticket, _, since)) = self.commit.sync.take() {
            self.count_commit(io, since.elapsed());
            self.note_latency("aof-fsync", Some(since));
            self.engine.synced(&ticket);
        }
    }

    /// Writes and syncs the headers of dead segments, so that they can be used again.
    pub(super) fn free_segments(&mut self, io: &mut Io) {
        if self.snapshot.pins() {
            return self.engine.store_mut().tell_of_dead();
        }
        let mut headers = Vec::new();
        self.engine.store_mut().free_dead(&mut headers);
        for slot in headers {
            let file = self.segment_file(slot).cached;
            if let Err(error) = io.write_inline(file, 0, self.engine.store().header_bytes(slot)) {
                die(&format!("writing the header of {} failed: {error}", self.segment_name(slot)));
            }
            self.commit.freeing.push(slot);
            io.sync(file, TOKEN_FREE + u64::from(slot));
        }
    }

    /// Leaves when everything begun is on the disk and sent.
    fn finish(&mut self, io: &mut Io) {
        let durable =
            self.engine.store().durable_position() >= self.engine.store().appended_position();
        if durable
            && self.commit.sync.is_none()
            && self.commit.direct_left == 0
            && self.engine.is_settled()
            && self.commit.said_last
        {
            if !std::mem::replace(&mut self.commit.said_done, true) {
                self.shared.leave.note_done();
            }
            // Until then another one may want this one for a sync of all.
            if self.shared.leave.all_done(self.links.len()) {
                return io.stop();
            }
            std::thread::sleep(Duration::from_micros(100));
            io.wake_again();
        } else if durable && !self.commit.said_last {
            self.commit.said_last = true;
            self.engine.store_mut().tell_durable();
            io.wake_again();
        } else {
            std::thread::sleep(Duration::from_micros(100));
            io.wake_again();
        }
    }
}

/// The disk failed: nothing more is acknowledged.
pub(super) fn die(what: &str) -> ! {
    tracing::error!(
        "{what}; the node stops so that nothing is acknowledged that may be lost: check the disk, then start again"
    );
    crate::log::flush();
    std::process::exit(EXIT_DISK)
}
