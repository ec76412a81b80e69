//! Looking at what connections have sent in the middle of a long turn.

use std::collections::VecDeque;

use super::Io;
use crate::{
    ConnectionId,
    ring::{Completion, Operation},
};

impl<M> Io<M> {
    /// Lets the kernel have what was queued, and gives what those plain connections have sent that `wants` names. All else that has come
    /// waits for the next turn, in order.
    pub fn look_in(
        &mut self,
        wants: impl Fn(ConnectionId) -> bool,
    ) -> Vec<(ConnectionId, Vec<u8>)> {
        self.ring.enter(0, None);
        self.refresh_clock();
        let mut batch = std::mem::take(&mut self.batch);
        self.ring.reap(&mut batch);
        let (mut kept, mut received) = (VecDeque::new(), Vec::new());
        for completion in batch {
            let token = completion.token;
            let id = ConnectionId { index: token.index, generation: token.generation };
            match token.operation {
                Operation::Send => {
                    if self.send_completed(id, completion.result) {
                        self.sent.push_back(id);
                    }
                }
                Operation::Receive
                    if completion.result > 0
                        && !self.may_be_secured(id)
                        && !self.is_filling(id)
                        && !is_there(&kept, &completion)
                        && wants(id) =>
                {
                    received.extend(self.take_received(id, completion).map(|bytes| (id, bytes)));
                }
                _ => kept.push_back(completion),
            }
        }
        self.batch = kept;
        received
    }

    fn take_received(&mut self, id: ConnectionId, completion: Completion) -> Option<Vec<u8>> {
        let Completion { result, more, buffer, .. } = completion;
        let length = usize::try_from(result).unwrap_or(0);
        let buffers = self.memory.buffers.clone();
        // Held to the end of this call: the buffer goes back to the kernel on every way out.
        let lent =
            buffers.as_ref().zip(buffer).map(|(buffers, buffer)| buffers.lend(buffer, length));
        let seen = self.receive_completed(id, result, more);
        let bytes = seen.then(|| {
            self.stats.receives += 1;
            self.stats.bytes_in += length as u64;
            if let Some(lent) = &lent {
                return lent.to_vec();
            }
            let buffer = self.take_buffer(id);
            let bytes = buffer[..length].to_vec();
            self.put_buffer(id, buffer);
            bytes
        });
        if seen {
            self.arm_receive(id);
        }
        bytes
    }
}

/// Whether something of the same connection waits already.
fn is_there(kept: &VecDeque<Completion>, completion: &Completion) -> bool {
    kept.iter().any(|other| {
        let (one, other) = (completion.token, other.token);
        one.operation == other.operation
            && (one.index, one.generation) == (other.index, other.generation)
    })
}
