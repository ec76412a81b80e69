//! Owns the leading of a snapshot over all nodes: every node has copied most, all cores of all nodes note one cut while they hold back what
//! would leave them, and every part is on the disk, or there is no snapshot.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use hyperion_runtime::Postboxes;

use super::Step;
use crate::node::Note;
use crate::snapshot::core_part::{SnapshotNote, cut_delay};
use crate::snapshot::cut::{Cutting, tell_all, try_shared};
use crate::snapshot::error::SnapshotError;
use crate::snapshot::limits::{
    ANSWER_S, CLUSTER_NOTED_MS, CLUSTER_PAUSE_MS, CUT_TRIES, PART_S_MAX,
};
use crate::snapshot::worker::Snapshots;

/// Tells all other nodes the same.
pub(in crate::snapshot) fn tell_others(
    desk: &Snapshots,
    snapshot: u64,
    others: &[u32],
    step: &Step,
) {
    others.iter().for_each(|&node| desk.tell_node(snapshot, node, step.clone()));
}

/// Waits until every other node has said something that `wanted` takes; gives that. What else they say is passed over.
///
/// Errors: one says that it failed, or `off`, or they take too long.
pub(in crate::snapshot) fn gather<T>(
    desk: &Snapshots,
    (snapshot, others): (u64, &[u32]),
    time: Duration,
    off: Option<&Step>,
    wanted: impl Fn(Step) -> Option<T>,
) -> Result<BTreeMap<u32, T>, SnapshotError> {
    let deadline = Instant::now() + time;
    let mut said = BTreeMap::new();
    while said.len() < others.len() {
        match desk.inbox.next(snapshot, deadline) {
            Some((node, Step::Failed(why))) => return Err(desk.failed_at(node, why)),
            Some((_, step)) if Some(&step) == off => return Err(SnapshotError::NoClusterCut),
            Some((node, step)) if others.contains(&node) => {
                said.extend(wanted(step).map(|it| (node, it)));
            }
            Some(_) => {}
            None => {
                let silent = others.iter().find(|node| !said.contains_key(node));
                let why = format!("it did not answer within {} s", time.as_secs_f32());
                return Err(desk.failed_at(silent.copied().unwrap_or_default(), why));
            }
        }
    }
    Ok(said)
}

/// Cuts all cores of all nodes.
///
/// Errors: [`SnapshotError`]; every core goes on.
pub(in crate::snapshot) fn lead_cut(
    desk: &Snapshots,
    postboxes: &Postboxes<Note>,
    snapshot: u64,
    others: &[u32],
) -> Result<Cutting, SnapshotError> {
    let is = |wanted: Step| move |step: Step| (step == wanted).then_some(());
    let to = (snapshot, others);
    gather(desk, to, Duration::from_secs(PART_S_MAX), None, is(Step::Ready))?;
    let mut last = SnapshotError::NoClusterCut;
    for tries in 1..=CUT_TRIES {
        if tries > 1 {
            sleep(Duration::from_millis(CLUSTER_PAUSE_MS));
        }
        // What others say of the try before is over.
        desk.inbox.clear();
        let number = u64::from(tries);
        let off = Step::Lost(number);
        tell_others(desk, snapshot, others, &Step::Cut(number));
        cut_delay();
        let (cut, found) = try_shared(postboxes);
        let noted = match &found {
            Some(_) => {
                let time = Duration::from_millis(CLUSTER_NOTED_MS);
                gather(desk, to, time, Some(&off), is(Step::Noted(number))).map(drop)
            }
            None => Err(SnapshotError::NoCut),
        };
        let step = if noted.is_ok() { Step::Release(number) } else { Step::Lost(number) };
        tell_others(desk, snapshot, others, &step);
        let is_held = noted.is_ok() && cut.release();
        cut.give_up();
        tell_all(postboxes, || SnapshotNote::Resume(cut.clone()))?;
        let held = noted.and_then(|()| {
            let time = Duration::from_secs(ANSWER_S);
            gather(desk, to, time, Some(&off), is(Step::Held(number)))
        });
        match (held, found) {
            (Ok(_), Some(lists)) if is_held => {
                tell_others(desk, snapshot, others, &Step::Through);
                return Ok(Cutting::new(lists, cut, tries));
            }
            (Err(error @ SnapshotError::AtNode { .. }), _) => last = error,
            _ => last = SnapshotError::NoClusterCut,
        }
    }
    Err(last)
}
