//! Owns a scan over the cores of a node: one after the other is asked until there is enough.

use super::coordinator::Question;
use crate::command::{Gather, Part, parse_cursor, scan_count};
use crate::effect::{Answer, Mail, Ticket};
use crate::engine::Engine;
use hyperion_model::{DatabaseId, TransactionId};
use hyperion_store::ScanCursor;

/// A scan under way.
pub(super) struct Scanning {
    database: DatabaseId,
    arguments: Vec<Vec<u8>>,
    /// Keys that are still to be looked at.
    left: u64,
    /// It ends where another node serves the partition that comes next.
    ends_at_others: bool,
}

impl Engine {
    /// Begins SCAN, whose words [`crate::command::check`] has taken; the answer comes as [`crate::Effect::Finished`]. With `ends_at_others`
    /// it ends where another node serves what comes next, otherwise it passes over that.
    pub fn begin_scan(
        &mut self,
        ticket: Ticket,
        database: DatabaseId,
        arguments: Vec<Vec<u8>>,
        ends_at_others: bool,
    ) {
        let words: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        let left = scan_count(&words).unwrap_or(1);
        let cursor = parse_cursor(words[1]).unwrap_or_default();
        let id = self.fresh_transaction();
        let scan = Some(Scanning { database, arguments, left, ends_at_others });
        let (gather, parts) = (Gather::Scan, Vec::new());
        self.coordinator.questions.insert(id, Question { ticket, gather, parts, asked: 0, scan });
        if self.may_scan(cursor, ends_at_others) {
            self.ask_step(id, cursor);
        } else {
            self.part_came(id, Part::Scan { cursor, met: left, keys: Vec::new() });
        }
        self.settle();
    }

    /// Whether this node has what the cursor is about, or nobody has.
    fn may_scan(&self, cursor: ScanCursor, ends_at_others: bool) -> bool {
        let partition = cursor.partition();
        let has = |serving: &crate::serving::Serving| serving.tells(partition);
        let is_there = partition.0 < self.map.partitions();
        !ends_at_others || !is_there || self.serving.as_ref().is_none_or(has)
    }

    fn ask_step(&mut self, id: TransactionId, cursor: ScanCursor) {
        let Some(question) = self.coordinator.questions.get(&id) else { return };
        let Some(scan) = &question.scan else { return };
        let (database, mut arguments) = (scan.database, scan.arguments.clone());
        arguments[1] = cursor.0.to_string().into_bytes();
        arguments.extend([b"COUNT".to_vec(), scan.left.to_string().into_bytes()]);
        let is_there = cursor.partition().0 < self.map.partitions();
        let core = if is_there { self.map.owner(cursor.partition()) } else { self.core };
        let (gather, led, waited_for) = (Gather::Scan, Vec::new(), None);
        self.send(core, Mail::Ask { id, gather, database, arguments, led, waited_for });
    }

    /// A core has made its step: the next one follows, or it is enough.
    pub(super) fn scan_on(&mut self, id: TransactionId) {
        let Some(question) = self.coordinator.questions.get_mut(&id) else { return };
        let Some(scan) = &mut question.scan else { return };
        let next = match question.parts.last() {
            Some(&Part::Scan { cursor, met, .. }) => {
                scan.left = scan.left.saturating_sub(met);
                let ends_at_others = scan.ends_at_others;
                // A step that ends within a partition has looked at enough.
                let goes_on = scan.left > 0 && is_between_partitions(cursor);
                Some(cursor).filter(|_| goes_on && self.may_scan(cursor, ends_at_others))
            }
            _ => None,
        };
        if let Some(cursor) = next {
            return self.ask_step(id, cursor);
        }
        if let Some(Question { ticket, gather, parts, .. }) = self.coordinator.questions.remove(&id)
        {
            self.finish(ticket, Answer::Gathered { gather, parts });
        }
    }
}

/// Whether a scan has come to the end of a partition, and not to its own.
fn is_between_partitions(cursor: ScanCursor) -> bool {
    cursor != ScanCursor(0) && cursor == ScanCursor::at_partition(cursor.partition())
}
