//! Owns partitions on their way to replicas that lag too far behind, and on their way in: the live records, a part at a time.
//!
//! What is sent is not of one moment: each key comes with a value that it had meanwhile. Entries are absolute and follow from the
//! snapshot's index on, so the replica is right when it has those too; until then it neither votes nor serves.

use super::convert::members;
use super::{Engine, Replication, Work};
use hyperion_cluster::group::{Conf, Message, Position};
use hyperion_model::GroupId;
use hyperion_store::{PartitionCursor, StoreError};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Bytes of one part, about.
const PART_BYTES: usize = 128 << 10;
/// Bytes of the longest part. One that is as long goes on in the next: what one bucket of an index holds may be longer.
pub const SNAPSHOT_PART_BYTES_MAX: usize = 1 << 20;
/// Bytes that parts may bring together until they are whole: values of one bucket.
const RUN_BYTES_MAX: usize = 2 << 30;
/// Parts that may be under way to one replica.
const WINDOW: u64 = 8;
/// Parts of all partitions that one turn reads.
const PARTS_A_TURN: usize = 2;
/// Partitions that a core sends at once.
const SENDING_MAX: usize = 16;
/// When the first word of a transfer is said again.
const AGAIN_NS: u64 = 500_000_000;
/// How long a replica may be silent.
const PATIENCE_NS: u64 = 10_000_000_000;

/// A step of a snapshot between two nodes.
#[derive(Debug)]
pub enum SnapshotStep {
    /// Comes first: what the replica steps in the end.
    Begin(Box<Message>),
    /// The part of this number.
    Part(u64, Vec<u8>),
    /// So many parts were sent: that was all.
    End(u64),
    /// The part of this number is wanted next.
    Ack(u64),
    /// The other side gives it up.
    Abort,
}

/// A step, with where it goes or comes from.
#[derive(Debug)]
pub struct SnapshotMail {
    /// The other node.
    pub node: u32,
    /// The group.
    pub group: GroupId,
    /// The sender's number for the transfer.
    pub transfer: u64,
    /// The step.
    pub step: SnapshotStep,
}

/// A partition on its way out.
#[derive(Debug)]
pub(super) struct Sending {
    node: u32,
    pub(super) group: GroupId,
    transfer: u64,
    message: Box<Message>,
    /// When it was last begun; nothing came back yet.
    begun_ns: Option<u64>,
    /// Where the next part begins; `None`: all were sent.
    cursor: Option<PartitionCursor>,
    /// What the scan gave and was not sent yet, and how much of it was.
    rest: Option<(Vec<u8>, usize)>,
    /// Of group 0: all of it, and what was sent.
    meta: Option<(Arc<Vec<u8>>, usize)>,
    sent: u64,
    acked: Option<u64>,
    has_ended: bool,
    heard_ns: u64,
}

/// A partition on its way in.
#[derive(Debug)]
pub(super) struct Receiving {
    node: u32,
    pub(super) group: GroupId,
    transfer: u64,
    message: Option<Box<Message>>,
    /// The store has dropped what it had.
    has_begun: bool,
    next: u64,
    /// Parts that found no room yet, from `next` on.
    parts: VecDeque<Vec<u8>>,
    /// Parts that overtook one before them, by number: those that come as they are overtake those that are unpacked first.
    early: BTreeMap<u64, Vec<u8>>,
    /// What was taken out of them and is not installed: with more to come, unless it is whole.
    run: Vec<u8>,
    is_run_whole: bool,
    /// All parts are there and the group has stepped the message: so many, to be acknowledged once that is in force.
    count: Option<u64>,
    heard_ns: u64,
}

impl Sending {
    /// The next part of what the scan gave; `None`: all of it was sent. A whole part says that another follows, be it empty.
    fn next_of_rest(&mut self) -> Option<Vec<u8>> {
        let (bytes, from) = self.rest.as_mut()?;
        let left = bytes.len() - *from;
        if left < SNAPSHOT_PART_BYTES_MAX {
            let (mut bytes, from) = self.rest.take().expect("looked at above");
            return Some(if from == 0 { bytes } else { bytes.split_off(from) });
        }
        *from += SNAPSHOT_PART_BYTES_MAX;
        Some(bytes[*from - SNAPSHOT_PART_BYTES_MAX..*from].to_vec())
    }
}

impl Receiving {
    /// Takes the part of this number, and those behind it that came before it. `false`: it is none of those that may be under way.
    fn take_part(&mut self, number: u64, bytes: Vec<u8>) -> bool {
        let expected = self.next + self.parts.len() as u64 + u64::from(self.is_run_whole);
        if number < expected || number >= self.next + WINDOW {
            return false;
        }
        self.early.insert(number, bytes);
        for number in expected.. {
            let Some(bytes) = self.early.remove(&number) else { break };
            self.parts.push_back(bytes);
        }
        true
    }
}

impl Replication {
    fn mail(&mut self, node: u32, group: GroupId, transfer: u64, step: SnapshotStep) {
        self.snapshots.push(SnapshotMail { node, group, transfer, step });
    }

    /// A replica lags behind what is kept: it gets all.
    pub(super) fn begin_sending(&mut self, node: u32, group: GroupId, message: Box<Message>) {
        let is_under_way = |it: &Sending| it.node == node && it.group == group;
        if self.sending.iter().any(is_under_way) || self.sending.len() >= SENDING_MAX {
            self.groups.snapshot_done(group, u64::from(node));
            return;
        }
        self.transfers += 1;
        let is_meta = group == GroupId::METADATA;
        let meta = is_meta.then(|| (self.meta.kept_bytes(), 0));
        self.sending.push(Sending {
            rest: None,
            meta,
            node,
            group,
            transfer: self.now_ns ^ self.transfers << 48,
            message,
            begun_ns: None,
            cursor: (is_meta || !self.is_log_only(node)).then(PartitionCursor::default),
            sent: 0,
            acked: None,
            has_ended: false,
            heard_ns: self.now_ns,
        });
    }

    /// What waited for room of a log that is given up goes with it.
    pub(super) fn forget_log(&mut self, group: GroupId) {
        self.work.retain(|work| !is_of_log(work, group));
        self.receiving.retain(|it| it.group != group);
    }

    /// What may be sent grows with time, up to a second's worth.
    fn refill(&mut self) {
        let passed_ns = self.now_ns.saturating_sub(self.refilled_ns);
        let each_ms = self.send_bytes_a_second / 1_000;
        let grown = (passed_ns / 1_000_000).saturating_mul(each_ms.max(1));
        if grown > 0 {
            self.refilled_ns = self.now_ns;
            self.send_bytes = (self.send_bytes + grown).min(self.send_bytes_a_second);
        }
    }

    /// Transfers whose other side is silent, or gone, are given up.
    pub(super) fn give_up_snapshots(&mut self, lost: Option<u32>) {
        let now_ns = self.now_ns;
        let is_over = |node: u32, heard_ns: u64| {
            lost == Some(node) || now_ns.saturating_sub(heard_ns) > PATIENCE_NS
        };
        for it in self.sending.extract_if(.., |it| is_over(it.node, it.heard_ns)) {
            self.groups.snapshot_done(it.group, u64::from(it.node));
        }
        // What came so far stays marked as a part: the next leader, or the same, begins anew.
        self.receiving.retain(|it| !is_over(it.node, it.heard_ns));
    }
}

impl Engine {
    /// Takes a step of a snapshot from another node.
    pub fn snapshot_mail(&mut self, mail: SnapshotMail) {
        let Some(replication) = &mut self.replication else { return };
        let SnapshotMail { node, group, transfer, step } = mail;
        let now_ns = replication.now_ns;
        match step {
            SnapshotStep::Begin(_)
                if let Some(it) =
                    replication.receiving.iter_mut().find(|it| it.transfer == transfer) =>
            {
                if it.has_begun && it.next == 0 {
                    replication.mail(node, group, transfer, SnapshotStep::Ack(0));
                }
            }
            SnapshotStep::Begin(message) => {
                if let Err(error) = replication.groups.install_begin(group, &message) {
                    let _ = error;
                    replication.mail(node, group, transfer, SnapshotStep::Abort);
                    return;
                }
                replication.forget_log(group);
                replication.receiving.push(Receiving {
                    node,
                    group,
                    transfer,
                    message: Some(message),
                    has_begun: false,
                    next: 0,
                    parts: VecDeque::new(),
                    early: BTreeMap::new(),
                    run: Vec::new(),
                    is_run_whole: false,
                    count: None,
                    heard_ns: now_ns,
                });
                if let (Some(serving), Some(partition)) = (&mut self.serving, group.partition()) {
                    serving.set_copy(partition, false);
                }
            }
            SnapshotStep::Ack(next) => {
                let sending = replication.sending.iter_mut().find(|it| it.transfer == transfer);
                if let Some(sending) = sending.filter(|it| it.node == node) {
                    sending.acked = Some(next);
                    sending.heard_ns = now_ns;
                }
            }
            SnapshotStep::Abort => {
                let is_it = |it: &mut Sending| it.transfer == transfer && it.node == node;
                for it in replication.sending.extract_if(.., is_it) {
                    replication.groups.snapshot_done(it.group, u64::from(node));
                }
                replication.receiving.retain(|it| it.transfer != transfer);
            }
            SnapshotStep::Part(number, bytes) => {
                let place = replication.receiving.iter_mut().find(|it| it.transfer == transfer);
                let Some(it) = place.filter(|it| it.has_begun) else { return };
                if it.take_part(number, bytes) {
                    it.heard_ns = now_ns;
                    self.install_parts();
                }
            }
            SnapshotStep::End(count) => {
                let place = replication.receiving.iter_mut().find(|it| it.transfer == transfer);
                let Some(it) = place.filter(|it| it.next == count) else { return };
                it.count = Some(count);
                if let Some(message) = it.message.take() {
                    // A message that is late by now changes nothing, and the leader begins anew.
                    let _ = replication.groups.step(group, *message);
                }
            }
        }
    }

    /// What this core may send in a second for moves.
    pub fn set_send_bytes_a_second(&mut self, bytes: u64) {
        if let Some(replication) = &mut self.replication {
            replication.send_bytes_a_second = bytes.max(1);
            replication.send_bytes = replication.send_bytes.min(bytes.max(1));
        }
    }

    /// Moves steps for other nodes into `out`.
    pub fn take_snapshots(&mut self, out: &mut Vec<SnapshotMail>) {
        if let Some(replication) = &mut self.replication {
            out.append(&mut replication.snapshots);
        }
    }

    /// Takes over the parts that have come, as far as there is room.
    fn install_parts(&mut self) {
        let Some(replication) = &mut self.replication else { return };
        let (mut mails, mut of_meta) = (Vec::new(), Vec::new());
        replication.receiving.retain_mut(|it| {
            loop {
                if !it.is_run_whole {
                    let Some(bytes) = it.parts.pop_front() else { break };
                    it.is_run_whole = bytes.len() < SNAPSHOT_PART_BYTES_MAX;
                    if it.run.is_empty() {
                        it.run = bytes;
                    } else {
                        it.run.extend_from_slice(&bytes);
                    }
                }
                let installed = if !it.is_run_whole && it.run.len() > RUN_BYTES_MAX {
                    Err(StoreError::BadEntry { offset: RUN_BYTES_MAX })
                } else if !it.is_run_whole {
                    Ok(())
                } else if it.group == GroupId::METADATA {
                    of_meta.push((it.next, std::mem::take(&mut it.run)));
                    Ok(())
                } else {
                    self.store.install_chunk(it.group, &it.run)
                };
                match installed {
                    Ok(()) => {}
                    Err(StoreError::NoRoom { .. }) => {
                        // It waits for room, and its sender is told that it is still wanted.
                        if replication.now_ns > it.heard_ns + AGAIN_NS {
                            it.heard_ns = replication.now_ns;
                            let step = SnapshotStep::Ack(it.next);
                            mails.push((it.node, it.group, it.transfer, step));
                        }
                        return true;
                    }
                    Err(_) => {
                        mails.push((it.node, it.group, it.transfer, SnapshotStep::Abort));
                        return false;
                    }
                }
                if std::mem::take(&mut it.is_run_whole) {
                    it.run = Vec::new();
                }
                it.next += 1;
                mails.push((it.node, it.group, it.transfer, SnapshotStep::Ack(it.next)));
            }
            true
        });
        for (node, group, transfer, step) in mails {
            replication.mail(node, group, transfer, step);
        }
        for (number, bytes) in of_meta {
            self.take_meta_part(number, &bytes);
        }
    }

    /// Goes on with snapshots: a bounded number of parts a turn.
    pub(super) fn pump_snapshots(&mut self) {
        self.install_parts();
        let Some(replication) = &mut self.replication else { return };
        let mut fresh = Vec::new();
        for it in replication.receiving.iter_mut().filter(|it| !it.has_begun) {
            if self.store.group_state(it.group).is_some()
                && self.store.install_begin(it.group).is_ok()
            {
                it.has_begun = true;
                fresh.push((it.node, it.group, it.transfer));
            }
        }
        for (node, group, transfer) in fresh {
            replication.mail(node, group, transfer, SnapshotStep::Ack(0));
        }
        replication.refill();
        let now_ns = replication.now_ns;
        let mut parts = 0;
        let mut mails = Vec::new();
        for it in &mut replication.sending {
            let Some(acked) = it.acked else {
                // The link may have been cut under the first word of it.
                if it.begun_ns.is_none_or(|begun_ns| now_ns > begun_ns + AGAIN_NS) {
                    it.begun_ns = Some(now_ns);
                    let message = it.message.clone();
                    mails.push((it.node, it.group, it.transfer, SnapshotStep::Begin(message)));
                }
                continue;
            };
            // What was acknowledged is more than was sent once the end is.
            while parts < PARTS_A_TURN
                && it.sent.saturating_sub(acked) < WINDOW
                && replication.send_bytes > 0
            {
                if let Some(bytes) = it.next_of_rest() {
                    let sent = bytes.len() as u64;
                    replication.send_bytes = replication.send_bytes.saturating_sub(sent);
                    let step = SnapshotStep::Part(it.sent, bytes);
                    mails.push((it.node, it.group, it.transfer, step));
                    it.sent += 1;
                    parts += 1;
                    continue;
                }
                let Some(cursor) = it.cursor else { break };
                let mut bytes = Vec::new();
                it.cursor = match (it.group.partition(), &mut it.meta) {
                    (Some(partition), _) => {
                        self.store.partition_scan(partition, cursor, PART_BYTES, &mut bytes)
                    }
                    (None, Some((all, sent))) => {
                        let end = all.len().min(*sent + PART_BYTES);
                        bytes.extend_from_slice(&all[*sent..end]);
                        *sent = end;
                        (end < all.len()).then_some(cursor)
                    }
                    (None, None) => None,
                };
                it.rest = Some((bytes, 0));
            }
            if it.rest.is_none() && it.cursor.is_none() && acked == it.sent && !it.has_ended {
                it.has_ended = true;
                mails.push((it.node, it.group, it.transfer, SnapshotStep::End(it.sent)));
            }
        }
        for (node, group, transfer, step) in mails {
            replication.mail(node, group, transfer, step);
        }
        // The end is acknowledged by one more than there are parts.
        let is_done = |it: &mut Sending| it.has_ended && it.acked.is_some_and(|it_| it_ > it.sent);
        for it in replication.sending.extract_if(.., is_done) {
            replication.groups.snapshot_done(it.group, u64::from(it.node));
        }
    }

    /// Whether parts wait for another turn.
    #[must_use]
    pub fn has_snapshot_work(&self) -> bool {
        self.replication.as_ref().is_some_and(|replication| {
            replication.send_bytes > 0
                && replication.sending.iter().any(|it| {
                    it.acked.is_some_and(|acked| {
                        (it.rest.is_some() || it.cursor.is_some())
                            && it.sent.saturating_sub(acked) < WINDOW
                    })
                })
        })
    }

    /// The records of a snapshot are the group's state from now on. `false`: there is no room to say so.
    pub(super) fn install_snapshot(&mut self, group: GroupId, at: Position, conf: &Conf) -> bool {
        let mut voters = members(conf);
        if group == GroupId::METADATA {
            self.take_meta_snapshot();
            let replication = self.replication.as_mut().expect("it has the group");
            voters.extend_from_slice(&replication.meta.kept_bytes());
        }
        if self.store.install_end(group, (at.index, at.term), &voters).is_err() {
            return false;
        }
        let Some(replication) = &mut self.replication else { return true };
        let done: Vec<Receiving> =
            replication.receiving.extract_if(.., |it| it.group == group).collect();
        for it in done {
            let count = it.count.unwrap_or(it.next);
            replication.mail(it.node, group, it.transfer, SnapshotStep::Ack(count + 1));
        }
        let has_keys = !self.store.is_log_only();
        if let (Some(serving), Some(partition)) = (&mut self.serving, group.partition()) {
            serving.set_copy(partition, has_keys);
        }
        // Keys came that no entry names.
        self.all_changed();
        true
    }
}

/// Whether this is to append to a group's log, or to let entries of it take effect.
fn is_of_log(work: &Work, group: GroupId) -> bool {
    use hyperion_cluster::group::Effect;
    let Work::Effect(Effect::Append { group: of, .. } | Effect::Apply { group: of, .. }) = work
    else {
        return false;
    };
    *of == group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_overtake_others_are_taken_in_their_place() {
        let mut it = Receiving {
            node: 1,
            group: GroupId(1),
            transfer: 1,
            message: None,
            has_begun: true,
            next: 3,
            parts: VecDeque::new(),
            early: BTreeMap::new(),
            run: Vec::new(),
            is_run_whole: false,
            count: None,
            heard_ns: 0,
        };
        assert!(it.take_part(5, vec![5]) && it.take_part(4, vec![4]));
        assert!(it.parts.is_empty(), "the third is not there");
        assert!(it.take_part(3, vec![3]));
        assert_eq!(it.parts, [vec![3], vec![4], vec![5]]);
        assert!(!it.take_part(5, vec![5]), "it was there already");
        assert!(!it.take_part(3 + WINDOW, vec![0]), "no sender is so far ahead");
        assert!(it.early.is_empty());
    }
}
