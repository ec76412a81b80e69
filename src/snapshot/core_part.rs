//! Owns a core's part of a snapshot: it tells what is in use, notes its cut, and holds back what would leave it until all have cut.

use std::ops::Range;
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hyperion_store::{SegmentInUse, Store};
use hyperion_wire::peer::Body;

use super::cluster::Step;
use super::cut::Cut;
use crate::node::{NodeCore, Note};

/// The protocol version from which nodes know the steps of a cut over all nodes.
const CUT_PROTOCOL: u16 = 2;

/// What the snapshot asks of a core.
#[derive(Debug)]
pub(crate) enum SnapshotNote {
    /// Tell what is in use.
    List(mpsc::Sender<CoreList>),
    /// Give bytes of a segment; none when it is not in this use any more.
    Piece(SegmentInUse, Range<usize>, mpsc::Sender<Option<Vec<u8>>>),
    /// Note where your log is, and hold back what would leave you.
    Cut(Arc<Cut>),
    /// All have noted, or it is off: go on.
    Resume(Arc<Cut>),
    /// What was in use at the cut may be freed.
    Unpin,
    /// Tell another node a step of a snapshot over all nodes.
    Tell(u64, u32, Step),
}

/// What a core has in use.
#[derive(Clone, Debug)]
pub(crate) struct CoreList {
    pub(super) core: usize,
    /// The oldest first.
    pub(super) segments: Vec<SegmentInUse>,
    pub(super) keys: u64,
    /// Records written since the start.
    pub(super) changes: u64,
}

/// What a core keeps for the snapshot under way.
#[derive(Debug)]
pub(crate) struct CorePart {
    /// The LSN of the first record of this start.
    lsn_first: u64,
    /// To be noted at the end of this turn.
    asked: Option<Arc<Cut>>,
    held: Option<(Arc<Cut>, Instant)>,
    pinned: bool,
}

impl CorePart {
    pub(crate) fn new(lsn_first: u64) -> Self {
        Self { lsn_first, asked: None, held: None, pinned: false }
    }

    /// Records written since the start.
    pub(crate) fn changes(&self, store: &Store) -> u64 {
        store.lsn_next() - self.lsn_first
    }

    /// Whether answers and mail must wait.
    #[inline]
    pub(crate) fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// Whether no segment may be freed.
    #[inline]
    pub(crate) fn pins(&self) -> bool {
        self.pinned
    }

    fn go_on(&mut self, cut: &Arc<Cut>) {
        if let Some((held, since)) = self.held.take_if(|(held, _)| Arc::ptr_eq(held, cut)) {
            held.held(since.elapsed());
        }
    }
}

impl CorePart {
    /// Goes on when nobody has told so for long: who asked for the cut is gone.
    pub(crate) fn tick(&mut self) {
        let is_late = |(cut, since): &mut (Arc<Cut>, Instant)| since.elapsed() > cut.hold_max();
        if let Some((cut, _)) = self.held.take_if(is_late) {
            cut.give_up();
        }
    }
}

impl NodeCore {
    pub(crate) fn snapshot_note(&mut self, note: SnapshotNote) {
        // Whoever asked may have given up: then nobody takes the answer.
        match note {
            SnapshotNote::List(to) => drop(to.send(self.core_list())),
            SnapshotNote::Piece(segment, range, to) => {
                let piece = self.engine.store().segment_part(&segment, range);
                let _ = to.send(piece.map(<[u8]>::to_vec));
            }
            SnapshotNote::Cut(cut) => self.snapshot.asked = Some(cut),
            SnapshotNote::Resume(cut) => self.snapshot.go_on(&cut),
            SnapshotNote::Unpin => self.snapshot.pinned = false,
            SnapshotNote::Tell(snapshot, node, step) => self.tell_step(snapshot, node, &step),
        }
    }

    /// Tells a node a step, ahead of all that waits for it.
    fn tell_step(&mut self, snapshot: u64, node: u32, step: &Step) {
        let is_told = self.peers.as_mut().is_some_and(|peers| {
            // Version 1 does not know the frame.
            peers.protocol(node).is_some_and(|spoken| spoken >= CUT_PROTOCOL)
                && peers.queue_urgent(node, |out| {
                    if let Err(error) = step.to_wire(snapshot).encode(out) {
                        tracing::error!("a step of a snapshot does not fit a frame: {error}");
                    }
                })
        });
        if !is_told {
            self.shared.snapshots.not_reached(snapshot, node);
        }
    }

    fn core_list(&self) -> CoreList {
        let store = self.engine.store();
        CoreList {
            core: usize::from(self.index),
            segments: store.segments_in_use(),
            keys: store.figures().keys,
            changes: self.snapshot.changes(store),
        }
    }

    /// Notes the cut that was asked for in this turn: after the batch was written, before anything leaves.
    pub(crate) fn note_cut(&mut self) {
        let Some(cut) = self.snapshot.asked.take() else { return };
        if !cut.is_open() {
            return;
        }
        self.snapshot.pinned = true;
        if holds_back() {
            self.snapshot.held = Some((Arc::clone(&cut), Instant::now()));
        }
        if !cut.note(self.core_list()) {
            return;
        }
        for core in (0..self.links.len()).filter(|&core| core != usize::from(self.index)) {
            let note = Note::Snapshot(SnapshotNote::Resume(Arc::clone(&cut)));
            // One that is full is told once more by who asked for the cut.
            let _ = self.shared.postboxes.to(core).post(note);
        }
        self.snapshot.go_on(&cut);
    }
}

/// Whether cores hold back at a cut: always, but for the test that shows why.
fn holds_back() -> bool {
    static HOLDS: OnceLock<bool> = OnceLock::new();
    *HOLDS
        .get_or_init(|| from_environment("HYPERION_TEST_SNAPSHOT_NO_HOLD").is_none_or(|on| on == 0))
}

/// The time between the cuts of two cores: none, but for tests.
pub(super) fn cut_delay() {
    static DELAY_MS: OnceLock<u64> = OnceLock::new();
    let delay_ms = *DELAY_MS
        .get_or_init(|| from_environment("HYPERION_TEST_SNAPSHOT_CUT_DELAY_MS").unwrap_or(0));
    if delay_ms > 0 {
        std::thread::sleep(Duration::from_millis(delay_ms));
    }
}

/// A number for a test; builds for use know none.
pub(super) fn from_environment(name: &str) -> Option<u64> {
    if cfg!(debug_assertions) { std::env::var(name).ok()?.parse().ok() } else { None }
}
