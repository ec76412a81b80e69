//! Owns reads that ask a majority: those of one turn share a round of heartbeats.

use raft::{RawNode, ReadState};

use super::effect::Effect;
use super::tail::Tail;
use hyperion_model::GroupId;

/// Reads that wait.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// Asked for in this turn.
    fresh: Vec<u64>,
    /// Rounds under way, oldest first: number, term, tokens.
    rounds: Vec<(u64, u64, Vec<u64>)>,
    round_next: u64,
}

impl Reads {
    pub(super) fn push(&mut self, token: u64) {
        self.fresh.push(token);
    }

    pub(super) fn len(&self) -> usize {
        self.fresh.len() + self.rounds.iter().map(|(_, _, tokens)| tokens.len()).sum::<usize>()
    }

    /// Starts a round for the reads of this turn.
    pub(super) fn start(&mut self, raw: &mut RawNode<Tail>) {
        if self.fresh.is_empty() {
            return;
        }
        self.round_next += 1;
        self.rounds.push((self.round_next, raw.raft.term, std::mem::take(&mut self.fresh)));
        raw.read_index(self.round_next.to_le_bytes().to_vec());
    }

    /// A majority has confirmed a round.
    pub(super) fn confirm(&mut self, state: &ReadState, group: GroupId, effects: &mut Vec<Effect>) {
        let Ok(round) = state.request_ctx.as_slice().try_into().map(u64::from_le_bytes) else {
            return;
        };
        let Some(at) = self.rounds.iter().position(|(number, _, _)| *number == round) else {
            return;
        };
        let (_, _, tokens) = self.rounds.remove(at);
        let index = state.index;
        effects.extend(tokens.into_iter().map(|token| Effect::ReadAt { group, token, index }));
    }

    /// This replica does not lead in `term`: whoever waits has to ask elsewhere.
    pub(super) fn lose(&mut self, term: Option<u64>, group: GroupId, effects: &mut Vec<Effect>) {
        let mut lost = Vec::new();
        if term.is_none() {
            lost.append(&mut self.fresh);
        }
        self.rounds.retain_mut(|(_, of, tokens)| {
            let keep = term == Some(*of);
            if !keep {
                lost.append(tokens);
            }
            keep
        });
        effects.extend(lost.into_iter().map(|token| Effect::ReadLost { group, token }));
    }
}
