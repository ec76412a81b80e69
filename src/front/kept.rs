//! Owns waits of other nodes' clients on this core, which leads the partitions of their keys: kept in the order in which they came, offered
//! when there may be something, and let go when their node does not ask for them any more.

use hyperion_engine::command::Wait;
use hyperion_engine::{Route, Waiter};
use hyperion_model::PartitionId;
use hyperion_runtime::ConnectionId;
use hyperion_wire::peer::{Answer, ForwardedReply};

use super::batch::{CommandHead, ReplyHead};
use super::blocked::{TOO_MANY, request_of};
use super::foreign::request_number;
use super::limits::{KEPT_FOUND_MS, KEPT_LOST_MS, KEPT_MS, KEPT_NODE_MAX, KEPT_OFFER_MS};
use crate::node::NodeCore;

impl NodeCore {
    /// Whether a command is of another node's client, or came as if it were.
    pub(super) fn is_foreign(&self, from: u16) -> bool {
        usize::from(from) >= self.links.len()
    }

    /// A part of a command found nothing: it is kept, or stays where it is, and its node hears so.
    pub(super) fn keep_for_node(
        &mut self,
        from: u16,
        head: CommandHead,
        arguments: &[&[u8]],
        wait: Wait,
    ) {
        match self.blocked.waiter_of(from, head.connection) {
            Some(waiter) => {
                self.engine.refuse_offer(waiter);
                self.tell_kept(from, &head, waiter, wait, Vec::new());
            }
            None => {
                let Some(waiter) = self.keep_foreign(from, head, arguments, wait) else { return };
                let kept = self.blocked.words_of(waiter);
                let is_fixed = kept.iter().map(Vec::as_slice).ne(arguments.iter().copied());
                let fixed = if is_fixed { kept.to_vec() } else { Vec::new() };
                self.tell_kept(from, &head, waiter, wait, fixed);
            }
        }
    }

    /// A command waits for its source here and takes it elsewhere: it is offered whenever there is something.
    pub(super) fn keep_source(&mut self, from: u16, head: CommandHead, arguments: &[&[u8]]) {
        let request = request_of(from, &head, arguments);
        if let Route::Elsewhere { slot } = self.engine.route(&request) {
            return self.tell_moved(from, head.connection, slot);
        }
        let wait = Wait::for_list();
        let known = self.blocked.waiter_of(from, head.connection);
        let Some(waiter) = known.or_else(|| self.keep_foreign(from, head, arguments, wait)) else {
            return;
        };
        self.tell_kept(from, &head, waiter, wait, Vec::new());
        self.engine.wake(waiter);
        self.serve_blocked();
    }

    /// Keeps one more, unless there are too many: then its client hears so.
    fn keep_foreign(
        &mut self,
        from: u16,
        head: CommandHead,
        arguments: &[&[u8]],
        wait: Wait,
    ) -> Option<Waiter> {
        let has_room = self.blocked.count_of(from) < KEPT_NODE_MAX;
        let kept = has_room.then(|| self.keep_blocked(from, head, arguments, wait)).flatten();
        if kept.is_none() {
            self.tell_other(from, &head, |reply| reply.error(TOO_MANY));
        }
        kept
    }

    fn tell_kept(
        &mut self,
        from: u16,
        head: &CommandHead,
        waiter: Waiter,
        wait: Wait,
        fixed: Vec<Vec<u8>>,
    ) {
        let now_ms = self.engine.store().now_ms();
        self.blocked.set_end(waiter, now_ms + KEPT_MS);
        let replies = &mut self.replies_to(from).replies;
        if !fixed.is_empty() {
            replies.fixed.push((replies.heads.len(), fixed));
        }
        replies.still.push((replies.heads.len(), wait));
        replies.heads.push(ReplyHead { connection: head.connection, length: 0 });
    }

    fn tell_moved(&mut self, from: u16, connection: ConnectionId, slot: u16) {
        let replies = &mut self.replies_to(from).replies;
        replies.elsewhere.push((replies.heads.len(), slot));
        replies.heads.push(ReplyHead { connection, length: 0 });
    }

    /// Offers what may be there to one that is kept. Where its node is not reached it is passed over.
    pub(super) fn offer_to_node(&mut self, waiter: Waiter, from: u16, connection: ConnectionId) {
        let node = self.foreign.node_of(usize::from(from) - self.links.len());
        let is_reached = self.is_own_node(node)
            || self.peers.as_ref().is_some_and(|peers| peers.protocol(node).is_some());
        let slot = self.blocked.slot_of(waiter);
        let (true, Some(slot)) = (is_reached, slot) else {
            return self.engine.refuse_offer(waiter);
        };
        self.engine.offer(waiter);
        let now_ms = self.engine.store().now_ms();
        self.blocked.set_end(waiter, now_ms + KEPT_OFFER_MS);
        let answer = Answer::Offer { node: self.own_node(), slot };
        let reply = ForwardedReply { request: request_number(connection), answer };
        self.foreign.offers.push((node, reply));
    }

    /// The link to a node is gone, or is there again: what was offered to it is offered to the next, or all of its commands are asked anew.
    pub(crate) fn kept_by_node(&mut self, node: u32, is_up: bool) {
        let Some(place) = self.foreign.find(node) else { return };
        let from = u16::try_from(self.links.len() + place).expect("cores and nodes are few");
        let now_ms = self.engine.store().now_ms();
        for waiter in self.blocked.all_of(from) {
            self.blocked.set_end(waiter, now_ms + if is_up { KEPT_FOUND_MS } else { KEPT_LOST_MS });
            if is_up {
                self.engine.wake(waiter);
            } else if self.engine.is_offered(waiter) {
                self.engine.refuse_offer(waiter);
            }
        }
    }

    /// Another node leads a partition of this core from now on: who waits here for its keys is sent there.
    pub(crate) fn release_waiting(&mut self, partition: PartitionId) {
        let map = self.engine.map();
        let is_of = |slot: u16| map.partition_of(slot) == partition;
        for waiter in self.blocked.all_about(is_of) {
            let Some((from, head)) = self.blocked.head_of(waiter) else { continue };
            if !head.is_part {
                // It is told where the key is.
                self.try_blocked(waiter);
            } else if self.is_foreign(from) {
                let slot = self.blocked.slot_of(waiter).unwrap_or_default();
                self.drop_blocked(waiter);
                self.tell_moved(from, head.connection, slot);
            }
        }
    }
}
