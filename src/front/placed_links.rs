//! Owns what passes between commands that wait at other places and those places: what these are asked and answer, what is lost on the way, and
//! what takes too long.

use std::collections::BTreeMap;

use hyperion_model::ReplyWriter;
use hyperion_wire::peer::{Answer, Body, Forwarded, ForwardedCommand, ForwardedReply};

use super::limits::{ANSWER_WAIT_NS, FRAME_BYTES, PLACED_AGAIN_MS, TEND_PLACED_MS};
use super::placed::{Collects, Place, Placed, Stance};
use super::placing::LEADER_WAIT_MS;
use super::replies::Replies;
use crate::node::{Io, NodeCore};

impl NodeCore {
    /// Sends what this turn's commands ask their places.
    pub(crate) fn send_placed(&mut self) {
        let unsent = std::mem::take(&mut self.placed.unsent);
        if unsent.is_empty() {
            return;
        }
        let mut by_node: BTreeMap<u32, Vec<ForwardedCommand<'static>>> = BTreeMap::new();
        for (node, command) in unsent {
            by_node.entry(node).or_default().push(command);
        }
        for (node, commands) in by_node {
            if self.is_own_node(node) {
                self.take_forwarded(node, Forwarded { commands });
                continue;
            }
            let mut frame = Forwarded::default();
            let mut bytes = 0;
            for command in commands {
                bytes += command.arguments.iter().map(|word| word.len() + 16).sum::<usize>();
                frame.commands.push(command);
                if bytes > FRAME_BYTES {
                    self.send_places(node, &std::mem::take(&mut frame));
                    bytes = 0;
                }
            }
            self.send_places(node, &frame);
        }
    }

    /// Sends a frame; what does not go is asked again later. That an end did not go is told to who offers next.
    fn send_places(&mut self, node: u32, frame: &Forwarded<'_>) {
        let is_taken = self.peers.as_mut().is_some_and(|peers| {
            let mut is_written = true;
            peers.queue(node, |out| is_written = frame.encode(out).is_ok()) && is_written
        });
        if is_taken {
            return;
        }
        let now_ms = self.engine.store().now_ms();
        for command in &frame.commands {
            if let Some(&(connection, at)) = self.placed.numbers.get(&command.request) {
                self.placed.stray(connection, at, now_ms);
            }
        }
    }

    /// Whether something was asked since the places were last asked.
    pub(crate) fn has_unsent_places(&self) -> bool {
        !self.placed.unsent.is_empty()
    }

    /// Takes the answer of a place; `false` when the number is of no such command.
    pub(super) fn take_placed(&mut self, io: &mut Io, reply: &ForwardedReply<'_>) -> bool {
        let number = reply.request;
        let Some(&(connection, at)) = self.placed.numbers.get(&number) else {
            if let Answer::Offer { node, slot } = reply.answer {
                self.end_place(node, number, slot);
            }
            return matches!(reply.answer, Answer::Offer { .. } | Answer::Still { .. });
        };
        let now_ms = self.engine.store().now_ms();
        let Some(placed) = self.placed.commands.get_mut(&connection) else { return true };
        match &reply.answer {
            Answer::Done { resp } => self.with_placed(connection, |core, client| {
                core.finish_placed(client, Some(at), |out, _| out.extend_from_slice(resp));
            }),
            Answer::Refused { sentence } => self.with_placed(connection, |core, client| {
                core.finish_placed(client, Some(at), |out, protocol| {
                    Replies::new(out, protocol).error(sentence);
                });
            }),
            Answer::Lost => {
                self.drop_placed(connection, Some(at));
                io.close(connection);
            }
            Answer::Moved { .. } => {
                self.placed.stray(connection, at, now_ms);
                self.with_placed(connection, Self::go_on_placed);
            }
            Answer::Still { words } => {
                let words = words.iter().map(|word| word.to_vec()).collect();
                placed.places[at].keep(words, now_ms);
                placed.note_kept();
                self.with_placed(connection, Self::go_on_placed);
            }
            Answer::Offer { .. } => {
                placed.places[at].offer(now_ms);
                self.with_placed(connection, Self::go_on_placed);
            }
        }
        true
    }

    /// The link to a node is gone: what runs there may have taken something, what is kept there has not.
    pub(super) fn placed_lost(&mut self, io: &mut Io, node: u32) {
        let now_ms = self.engine.store().now_ms();
        let (mut astray, mut lost) = (Vec::new(), Vec::new());
        for (connection, placed) in &self.placed.commands {
            for (at, place) in placed.places.iter().enumerate() {
                if place.at.is_none_or(|(there, _)| there != node) {
                    continue;
                }
                if may_have_taken(placed, place) {
                    lost.push(*connection);
                } else {
                    astray.push((*connection, at));
                }
            }
        }
        for (connection, at) in astray {
            self.placed.stray(connection, at, now_ms);
        }
        for connection in lost {
            self.drop_placed(connection, None);
            io.close(connection);
        }
    }

    /// Asks again for what is astray; gives up what is so for too long.
    pub(crate) fn tick_placed(&mut self) {
        let now_ms = self.engine.store().now_ms();
        for connection in std::mem::take(&mut self.placed.astray) {
            let Some(placed) = self.placed.commands.get_mut(&connection) else { continue };
            let slot = placed.tick(now_ms);
            let is_late = placed.is_late(now_ms, LEADER_WAIT_MS);
            let Some(slot) = slot.filter(|_| is_late && !placed.is_running()) else {
                // While another place runs it, the rest is due when that has answered.
                self.with_placed(connection, Self::go_on_placed);
                continue;
            };
            self.with_placed(connection, |core, client| core.give_placed_up(client, slot));
        }
    }

    /// Shows those that keep commands that they are still wanted; gives up what was asked and not answered.
    pub(crate) fn tend_placed(&mut self, io: &mut Io) {
        let now_ms = self.engine.store().now_ms();
        if self.view.is_none() {
            self.tick_placed();
        }
        // Where the clock was set back, at once.
        let is_back = now_ms < self.placed.tended_ms;
        if now_ms.saturating_sub(self.placed.tended_ms) < TEND_PLACED_MS && !is_back {
            return;
        }
        self.placed.tended_ms = now_ms;
        let (mut wanted, mut late) = (Vec::new(), Vec::new());
        for (connection, placed) in &mut self.placed.commands {
            let is_collected = placed.collects == Collects::Always;
            placed.leaderless_since_ms =
                placed.leaderless_since_ms.map(|since_ms| since_ms.min(now_ms));
            for (at, place) in placed.places.iter_mut().enumerate() {
                place.since_ms = place.since_ms.min(now_ms);
                let for_ms = now_ms.saturating_sub(place.since_ms);
                if place.stance == Stance::Kept && for_ms > PLACED_AGAIN_MS {
                    place.stand(if is_collected { Stance::Due } else { Stance::Offered }, now_ms);
                    wanted.push(*connection);
                } else if place.stance == Stance::Asked && for_ms > ANSWER_WAIT_NS / 1_000_000 {
                    late.push((*connection, at));
                }
            }
        }
        for connection in wanted {
            self.with_placed(connection, Self::go_on_placed);
        }
        for (connection, at) in late {
            let Some(placed) = self.placed.commands.get(&connection) else { continue };
            if may_have_taken(placed, &placed.places[at]) {
                self.drop_placed(connection, None);
                io.close(connection);
            } else {
                self.placed.stray(connection, at, now_ms);
            }
        }
    }
}

/// Whether a command may have taken something at a place, and nobody will say so.
fn may_have_taken(placed: &Placed, place: &Place) -> bool {
    let writes = placed.head.spec.writes() && placed.collects != Collects::Always;
    place.stance == Stance::Asked && writes
}
