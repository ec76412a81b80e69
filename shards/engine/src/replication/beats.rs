//! Owns the beats of this core's groups, on their way out and in: heartbeats of groups in which nothing goes on.

use super::Replication;
use crate::engine::Engine;
use hyperion_cluster::group::{Beat, BeatOut};

/// Which of the two a beat is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    /// The leader's.
    Beat,
    /// A member's, which has seen it.
    Answer,
}

impl Replication {
    /// Takes over what the last tick wants to be sent.
    pub(super) fn gather_beats(&mut self) {
        let mut beats = Vec::new();
        self.groups.take_beats(&mut beats);
        self.beats.extend(beats.into_iter().map(|BeatOut { to, beat }| {
            (u32::try_from(to).expect("nodes are counted in 32 bits"), Said::Beat, beat)
        }));
    }
}

impl Engine {
    /// Takes what a node says of a group in which nothing goes on.
    pub fn hear_beat(&mut self, from: u32, said: Said, beat: &Beat) {
        let Some(replication) = &mut self.replication else { return };
        let node = u64::from(from);
        match said {
            Said::Beat => {
                if replication.groups.hear_beat(node, beat) {
                    replication.beats.push((from, Said::Answer, *beat));
                }
            }
            Said::Answer => replication.groups.hear_answer(node, beat),
        }
    }

    /// Moves what is to be said to other nodes into `out`, with the node. To be sent at once, or not at all.
    pub fn take_beats(&mut self, out: &mut Vec<(u32, Said, Beat)>) {
        if let Some(replication) = &mut self.replication {
            out.append(&mut replication.beats);
        }
    }
}
