//! Owns a node's side of a snapshot that another node leads.

use std::time::{Duration, Instant};

use hyperion_runtime::Postboxes;

use super::Step;
use crate::node::Note;
use crate::snapshot::core_part::SnapshotNote;
use crate::snapshot::cut::{Cutting, tell_all, try_shared};
use crate::snapshot::error::SnapshotError;
use crate::snapshot::limits::{CLUSTER_HOLD_MS, PART_S_MAX};
use crate::snapshot::worker::Snapshots;

/// Cuts all cores when the leader says so.
///
/// Errors: [`SnapshotError`]; every core goes on.
pub(in crate::snapshot) fn follow_cut(
    desk: &Snapshots,
    postboxes: &Postboxes<Note>,
    snapshot: u64,
    leader: u32,
) -> Result<Cutting, SnapshotError> {
    let tell = |step| desk.tell_node(snapshot, leader, step);
    tell(Step::Ready);
    let mut cutting = None;
    loop {
        let deadline = Instant::now() + Duration::from_secs(PART_S_MAX);
        let Some((node, step)) = desk.inbox.next(snapshot, deadline) else {
            return Err(desk.failed_at(leader, "it asked for no cut".to_owned()));
        };
        match step {
            Step::Cut(number) if node == leader => {
                let (cut, found) = try_shared(postboxes);
                let is_released = found.is_some() && {
                    tell(Step::Noted(number));
                    let deadline = Instant::now() + Duration::from_millis(CLUSTER_HOLD_MS);
                    desk.inbox.next(snapshot, deadline) == Some((leader, Step::Release(number)))
                };
                // A core that has gone on by itself has taken the cut with it.
                let is_held = is_released && cut.release();
                cut.give_up();
                tell_all(postboxes, || SnapshotNote::Resume(cut.clone()))?;
                tell(if is_held { Step::Held(number) } else { Step::Lost(number) });
                let tries = u32::try_from(number).unwrap_or(u32::MAX);
                cutting = found.filter(|_| is_held).map(|lists| Cutting::new(lists, cut, tries));
            }
            Step::Through if node == leader => {
                return cutting.ok_or(SnapshotError::NoClusterCut);
            }
            Step::Failed(why) => return Err(desk.failed_at(node, why)),
            _ => {}
        }
    }
}

/// Waits until the leader says that all parts are there.
///
/// Errors: they are not.
pub(in crate::snapshot) fn await_end(
    desk: &Snapshots,
    snapshot: u64,
    leader: u32,
) -> Result<(), SnapshotError> {
    let deadline = Instant::now() + Duration::from_secs(PART_S_MAX);
    loop {
        match desk.inbox.next(snapshot, deadline) {
            Some((node, Step::Keep)) if node == leader => {
                desk.tell_node(snapshot, leader, Step::Kept);
                return Ok(());
            }
            Some((node, Step::Failed(why))) => return Err(desk.failed_at(node, why)),
            Some(_) => {}
            None => {
                let why = "it did not say what became of the other parts".to_owned();
                return Err(desk.failed_at(leader, why));
            }
        }
    }
}
