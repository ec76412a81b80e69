//! Owns one snapshot over all nodes: the steps that they tell each other, and where a node keeps those that came.

mod desk;
mod follow;
mod lead;
mod manifest;

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use hyperion_wire::peer::ClusterCut;

pub(super) use follow::{await_end, follow_cut};
pub(super) use lead::{gather, lead_cut, tell_others};
pub(super) use manifest::{Manifest, Part, manifest_name};

/// Steps that are kept for whoever waits for them.
const STEPS_MAX: usize = 4096;

/// What nodes tell each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make your part; the config has this epoch.
    Begin(u64),
    /// What is left to copy is little.
    Ready,
    /// There is no snapshot: why.
    Failed(String),
    /// Note the cut, and hold back until you are told; the number of the try.
    Cut(u64),
    /// All cores have noted and hold back.
    Noted(u64),
    /// This try is off.
    Lost(u64),
    /// All nodes have noted: go on.
    Release(u64),
    /// All cores held back until they were told.
    Held(u64),
    /// The last cut counts: copy what is left.
    Through,
    /// The part is on the disk.
    Done(String),
    /// All parts are: keep yours.
    Keep,
    /// It is kept.
    Kept,
}

impl Step {
    pub(crate) fn to_wire(&self, snapshot: u64) -> ClusterCut<'_> {
        let (step, number, text) = match self {
            Self::Begin(epoch) => (1, *epoch, ""),
            Self::Ready => (2, 0, ""),
            Self::Failed(why) => (3, 0, why.as_str()),
            Self::Cut(number) => (4, *number, ""),
            Self::Noted(number) => (5, *number, ""),
            Self::Lost(number) => (6, *number, ""),
            Self::Release(number) => (7, *number, ""),
            Self::Held(number) => (8, *number, ""),
            Self::Through => (9, 0, ""),
            Self::Done(part) => (10, 0, part.as_str()),
            Self::Keep => (11, 0, ""),
            Self::Kept => (12, 0, ""),
        };
        ClusterCut { snapshot, step, number, text: text.into() }
    }

    /// `None`: a later release says more than this one knows.
    pub(crate) fn from_wire(wire: &ClusterCut<'_>) -> Option<Self> {
        Some(match wire.step {
            1 => Self::Begin(wire.number),
            2 => Self::Ready,
            3 => Self::Failed(wire.text.escape_debug().to_string()),
            4 => Self::Cut(wire.number),
            5 => Self::Noted(wire.number),
            6 => Self::Lost(wire.number),
            7 => Self::Release(wire.number),
            8 => Self::Held(wire.number),
            9 => Self::Through,
            10 => Self::Done(wire.text.to_string()),
            11 => Self::Keep,
            12 => Self::Kept,
            _ => return None,
        })
    }
}

/// What came of other nodes for the snapshot under way.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    steps: Mutex<VecDeque<(u64, u32, Step)>>,
    came: Condvar,
}

impl Inbox {
    /// A node says something about a snapshot.
    pub(super) fn put(&self, snapshot: u64, node: u32, step: Step) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        if steps.len() < STEPS_MAX {
            steps.push_back((snapshot, node, step));
        }
        drop(steps);
        self.came.notify_all();
    }

    /// The next step of a snapshot and whose it is; `None` when none came until the deadline. Those of others are forgotten.
    pub(super) fn next(&self, snapshot: u64, deadline: Instant) -> Option<(u32, Step)> {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            while let Some((other, node, step)) = steps.pop_front() {
                if other == snapshot {
                    return Some((node, step));
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.came.wait_timeout(steps, left);
            steps = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Forgets all that came.
    pub(super) fn clear(&self) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn every_step_is_read_as_it_was_told() {
        for step in [
            Step::Begin(7),
            Step::Ready,
            Step::Failed("why".to_owned()),
            Step::Cut(1),
            Step::Noted(2),
            Step::Lost(3),
            Step::Release(4),
            Step::Held(5),
            Step::Through,
            Step::Done("{}".to_owned()),
            Step::Keep,
            Step::Kept,
        ] {
            assert_eq!(Step::from_wire(&step.to_wire(9)), Some(step));
        }
        let unknown = ClusterCut { snapshot: 1, step: 99, number: 0, text: "".into() };
        assert_eq!(Step::from_wire(&unknown), None);
    }

    #[test]
    fn steps_of_another_snapshot_are_forgotten() {
        let inbox = Inbox::default();
        inbox.put(1, 2, Step::Ready);
        inbox.put(3, 4, Step::Keep);
        let now = Instant::now();
        assert_eq!(inbox.next(3, now), Some((4, Step::Keep)));
        assert_eq!(inbox.next(1, now + Duration::from_millis(1)), None);
    }
}
