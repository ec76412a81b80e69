//! Owns messages that are too long to go in one piece: they go in parts, and other frames between these.

use std::collections::{BTreeMap, VecDeque};

use hyperion_wire::peer::{Kind, Parts};

use super::limits::{LONG_ANSWER_NS, LONG_MAX};

/// The long messages that wait for one link, each with its kind and its group (or whose it is else).
#[derive(Debug, Default)]
pub(super) struct LongMessages {
    waiting: VecDeque<((Kind, u32), Parts)>,
    /// Groups whose last one has left whole and was not answered, and since when, as far as a tick has seen it.
    unanswered: BTreeMap<u32, Option<u64>>,
    /// Messages so far: the number of the next one's parts.
    streams: u64,
}

impl LongMessages {
    /// Takes the body that `write` makes; `false` when there is no room for it. A group has one under way, and not the next before the other
    /// end has answered, if it does so in time: what it says meanwhile, it says again.
    pub(super) fn queue(
        &mut self,
        (kind, group): (Kind, u32),
        write: impl FnOnce() -> Option<Vec<u8>>,
    ) -> bool {
        let is_unanswered = kind == Kind::RaftMessages && self.unanswered.contains_key(&group);
        if is_unanswered || self.is_under_way((kind, group)) || self.waiting.len() >= LONG_MAX {
            return false;
        }
        let Some(body) = write() else { return false };
        self.streams += 1;
        match Parts::new(kind, self.streams, body) {
            Ok(parts) => self.waiting.push_back(((kind, group), parts)),
            Err(error) => tracing::error!("a {kind:?} of {group} cannot be sent: {error}"),
        }
        true
    }

    /// Whether parts of one are still to be sent: what is said now would be there before it.
    pub(super) fn is_under_way(&self, what: (Kind, u32)) -> bool {
        self.waiting.iter().any(|(other, _)| *other == what)
    }

    /// Appends the next part, if there is one.
    pub(super) fn add_part(&mut self, out: &mut Vec<u8>) {
        if let Some(((kind, group), parts)) = self.waiting.front_mut() {
            parts.encode_next(out);
            if parts.is_done() {
                if *kind == Kind::RaftMessages {
                    self.unanswered.insert(*group, None);
                }
                self.waiting.pop_front();
            }
        }
    }

    /// The other end has answered an append of a group.
    pub(super) fn answered(&mut self, group: u32) {
        self.unanswered.remove(&group);
    }

    /// Gives up answers that do not come.
    pub(super) fn tick(&mut self, now_ns: u64) {
        self.unanswered.retain(|_, since_ns| {
            now_ns.saturating_sub(*since_ns.get_or_insert(now_ns)) <= LONG_ANSWER_NS
        });
    }

    /// The link is gone, and what was for it.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.unanswered.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAFT: (Kind, u32) = (Kind::RaftMessages, 1);

    #[test]
    fn a_group_has_one_long_message_under_way_and_its_parts_follow_each_other() {
        let mut long = LongMessages::default();
        let body = vec![7; 5 << 19];
        assert!(long.queue(RAFT, || Some(body.clone())));
        assert!(!long.queue(RAFT, || panic!("the group has one under way")));
        assert!(long.queue((Kind::RaftMessages, 3), || Some(vec![8; 10])));
        let lengths: Vec<usize> = std::iter::from_fn(|| {
            let mut out = Vec::new();
            long.add_part(&mut out);
            Some(out.len()).filter(|&length| length > 0)
        })
        .collect();
        assert_eq!(lengths.len(), 4, "three parts and one: {lengths:?}");
        assert!(lengths[0] > 1 << 20 && lengths[3] < 100, "{lengths:?}");
        long.answered(1);
        assert!(long.queue(RAFT, || Some(body)));
        long.clear();
        let mut out = Vec::new();
        long.add_part(&mut out);
        assert!(out.is_empty(), "it was for a link of before");
    }
    #[test]
    fn a_group_says_nothing_long_again_before_it_is_answered_or_a_while_is_over() {
        let mut long = LongMessages::default();
        let say = |long: &mut LongMessages| long.queue(RAFT, || Some(vec![7; 10]));
        assert!(say(&mut long) && long.is_under_way(RAFT) && !say(&mut long));
        long.add_part(&mut Vec::new());
        assert!(!long.is_under_way(RAFT) && !say(&mut long), "it has left and is not answered");
        assert!(long.queue((Kind::Forwarded, 1), || Some(vec![7; 10])), "another kind");
        long.answered(1);
        assert!(say(&mut long));
        (0..2).for_each(|_| long.add_part(&mut Vec::new()));
        long.tick(5);
        long.tick(5 + LONG_ANSWER_NS);
        assert!(!say(&mut long));
        long.tick(6 + LONG_ANSWER_NS);
        assert!(say(&mut long), "the other end may have lost it");
    }
}
