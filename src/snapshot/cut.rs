//! Owns the cut: one moment over all cores. Each notes how far its log is written and holds back what would leave it, until the
//! last one has noted, so that nobody sees a change of after the cut before every core has cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hyperion_runtime::Postboxes;

use super::core_part::{CoreList, SnapshotNote};
use super::error::SnapshotError;
use super::limits::{ANSWER_S, CLUSTER_HOLD_MS, CUT_PAUSE_MS, CUT_TRIES, SNAPSHOT_CUT_MS};
use crate::node::Note;

const OPEN: u8 = 0;
const DONE: u8 = 1;
const GIVEN_UP: u8 = 2;
/// All cores of the node have noted, and hold back until other nodes have too.
const NOTED: u8 = 3;

/// A core never holds back longer: the cut has been given up long before.
const HOLD_MAX: Duration = Duration::from_secs(1);

/// Where the cores meet.
#[derive(Debug)]
pub(crate) struct Cut {
    cores: usize,
    /// Other nodes cut with this one.
    is_shared: bool,
    noted: AtomicUsize,
    state: AtomicU8,
    answers: mpsc::Sender<CoreList>,
    /// The longest time that a core held back.
    held_ns: AtomicU64,
}

impl Cut {
    fn new(cores: usize, is_shared: bool, answers: mpsc::Sender<CoreList>) -> Self {
        Self {
            cores,
            is_shared,
            noted: AtomicUsize::new(0),
            state: AtomicU8::new(OPEN),
            answers,
            held_ns: AtomicU64::new(0),
        }
    }

    /// Whether a core is still to note its cut.
    pub(super) fn is_open(&self) -> bool {
        self.state.load(Ordering::Acquire) == OPEN
    }

    /// A core has cut. Tells whether it was the last, and nobody need hold back any longer.
    pub(super) fn note(&self, list: CoreList) -> bool {
        if self.is_shared {
            if self.noted.fetch_add(1, Ordering::AcqRel) + 1 == self.cores {
                self.turn(NOTED);
            }
            let _ = self.answers.send(list);
            return false;
        }
        // Nobody waits for it any more when the cut was given up.
        let _ = self.answers.send(list);
        self.noted.fetch_add(1, Ordering::AcqRel) + 1 == self.cores && self.turn(DONE)
    }

    /// All nodes have noted. `false`: a core has gone on before, and there is no cut.
    pub(super) fn release(&self) -> bool {
        self.state.compare_exchange(NOTED, DONE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// How long a core holds back at most.
    pub(super) fn hold_max(&self) -> Duration {
        if self.is_shared { Duration::from_millis(CLUSTER_HOLD_MS) } else { HOLD_MAX }
    }

    /// A core does not wait any longer: without it there is no cut.
    pub(super) fn give_up(&self) {
        if !self.turn(GIVEN_UP) {
            // Where other nodes cut too, until they all have.
            let (noted, given_up) = (Ordering::AcqRel, Ordering::Acquire);
            let _ = self.state.compare_exchange(NOTED, GIVEN_UP, noted, given_up);
        }
    }

    fn turn(&self, state: u8) -> bool {
        self.state.compare_exchange(OPEN, state, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// A core goes on.
    pub(super) fn held(&self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.held_ns.fetch_max(ns, Ordering::AcqRel);
    }

    /// The longest time that a core held back until now.
    pub(super) fn held_us(&self) -> u64 {
        self.held_ns.load(Ordering::Acquire) / 1_000
    }
}

/// What the cut found.
#[derive(Debug)]
pub(super) struct Cutting {
    /// By core.
    pub(super) lists: Vec<CoreList>,
    pub(super) cut: Arc<Cut>,
    /// Tries that it took.
    pub(super) tries: u32,
    /// When it was made.
    pub(super) at: Instant,
}

impl Cutting {
    pub(super) fn new(mut lists: Vec<CoreList>, cut: Arc<Cut>, tries: u32) -> Self {
        lists.sort_by_key(|list| list.core);
        Self { lists, cut, tries, at: Instant::now() }
    }
}

/// Cuts all cores, which hold back until they are told to go on. Gives what they noted, if all have.
pub(super) fn try_shared(postboxes: &Postboxes<Note>) -> (Arc<Cut>, Option<Vec<CoreList>>) {
    let (answers, lists) = mpsc::channel();
    let cut = Arc::new(Cut::new(postboxes.cores(), true, answers));
    let found = try_cut(postboxes, &cut, &lists);
    (cut, found)
}

/// Cuts all cores. What they have in use stays in use until [`SnapshotNote::Unpin`].
///
/// Runs on a thread of ordinary priority: clients wait while it does.
///
/// Errors: [`SnapshotError::NoCut`].
pub(super) fn cut_all(postboxes: &Postboxes<Note>) -> Result<Cutting, SnapshotError> {
    for tries in 1..=CUT_TRIES {
        if tries > 1 {
            sleep(Duration::from_millis(CUT_PAUSE_MS));
        }
        let (answers, lists) = mpsc::channel();
        let cut = Arc::new(Cut::new(postboxes.cores(), false, answers));
        let found = try_cut(postboxes, &cut, &lists);
        // The last core has told the others already, unless the cut was given up.
        tell_all(postboxes, || SnapshotNote::Resume(Arc::clone(&cut)))?;
        if let Some(lists) = found {
            return Ok(Cutting::new(lists, cut, tries));
        }
    }
    Err(SnapshotError::NoCut)
}

fn try_cut(
    postboxes: &Postboxes<Note>,
    cut: &Arc<Cut>,
    lists: &mpsc::Receiver<CoreList>,
) -> Option<Vec<CoreList>> {
    let mut deadline = Instant::now() + Duration::from_millis(SNAPSHOT_CUT_MS);
    for core in 0..postboxes.cores() {
        let note = Note::Snapshot(SnapshotNote::Cut(Arc::clone(cut)));
        if postboxes.to(core).post(note).is_err() {
            cut.turn(GIVEN_UP);
            return None;
        }
        super::core_part::cut_delay();
    }
    let mut found = Vec::new();
    while found.len() < postboxes.cores() {
        let left = deadline.saturating_duration_since(Instant::now());
        match lists.recv_timeout(left) {
            Ok(list) => found.push(list),
            Err(_) if cut.turn(GIVEN_UP) => return None,
            // The last one has noted just now: its list is there.
            Err(_) if Instant::now() > deadline + Duration::from_secs(1) => return None,
            Err(_) => deadline += Duration::from_millis(SNAPSHOT_CUT_MS),
        }
    }
    Some(found)
}

/// Brings a note to every core.
///
/// Errors: [`SnapshotError::NoAnswer`] when a core's box stays full.
pub(super) fn tell_all(
    postboxes: &Postboxes<Note>,
    note: impl Fn() -> SnapshotNote,
) -> Result<(), SnapshotError> {
    // Every core is told, whatever becomes of the one before.
    let told: Vec<_> = (0..postboxes.cores()).map(|core| tell(postboxes, core, note())).collect();
    told.into_iter().collect()
}

/// Brings a note to one core.
///
/// Errors: as [`tell_all`].
pub(super) fn tell(
    postboxes: &Postboxes<Note>,
    core: usize,
    note: SnapshotNote,
) -> Result<(), SnapshotError> {
    let deadline = Instant::now() + Duration::from_secs(ANSWER_S);
    let mut note = Note::Snapshot(note);
    while let Err(back) = postboxes.to(core).post(note) {
        if Instant::now() > deadline {
            return Err(SnapshotError::NoAnswer);
        }
        note = back;
        sleep(Duration::from_millis(1));
    }
    Ok(())
}
