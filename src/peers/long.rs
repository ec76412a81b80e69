//! Owns messages that are too long to go in one piece: they go in parts, and other frames between these.

use std::collections::VecDeque;

use hyperion_wire::peer::{Kind, Parts};

use super::limits::LONG_MAX;

/// The long messages that wait for one link, each with its kind and its group (or whose it is else).
#[derive(Debug, Default)]
pub(super) struct LongMessages {
    waiting: VecDeque<((Kind, u32), Parts)>,
    /// Messages so far: the number of the next one's parts.
    streams: u64,
}

impl LongMessages {
    /// Takes the body that `write` makes; `false` when there is no room for it. A group has one under way: what it says meanwhile, it
    /// says again.
    pub(super) fn queue(
        &mut self,
        (kind, group): (Kind, u32),
        write: impl FnOnce() -> Option<Vec<u8>>,
    ) -> bool {
        let is_under_way = self.waiting.iter().any(|(other, _)| *other == (kind, group));
        if is_under_way || self.waiting.len() >= LONG_MAX {
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

    /// Appends the next part, if there is one.
    pub(super) fn add_part(&mut self, out: &mut Vec<u8>) {
        if let Some((_, parts)) = self.waiting.front_mut() {
            parts.encode_next(out);
            if parts.is_done() {
                self.waiting.pop_front();
            }
        }
    }

    /// The link is gone, and what was for it.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
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
        assert!(long.queue(RAFT, || Some(body)));
        long.clear();
        let mut out = Vec::new();
        long.add_part(&mut out);
        assert!(out.is_empty(), "it was for a link of before");
    }
}
