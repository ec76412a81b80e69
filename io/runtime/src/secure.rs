//! The part of a turn that is TLS: records in, and handshakes, of which a turn makes a bounded number of steps.

use crate::{CloseReason, ConnectionId, Core, drive::Driver, io::Intake, limits};

/// What the log is told of a handshake that took too long.
const LATE: &str = "the TLS handshake did not come to its end in time";

impl<C: Core> Driver<C> {
    /// Bytes came on a connection that may speak TLS.
    pub(crate) fn received_secured(&mut self, id: ConnectionId, bytes: &[u8]) {
        match self.io.take_in(id, bytes) {
            Intake::Records => self.open_records(id, bytes),
            Intake::Held => {}
            Intake::Plain => self.core.received(&mut self.io, id, bytes),
            Intake::Refuse(line) => {
                self.core.insecure(
                    &mut self.io,
                    id,
                    "the peer speaks no TLS on an address for TLS",
                );
                self.io.fail_secured(id, CloseReason::Tls, Some(&line));
            }
            Intake::Failed(why) => self.fail_secured(id, &why),
        }
    }

    /// Makes steps of the handshakes that wait, one at least and as many as their time in a turn allows; then ends those that take too
    /// long. Called each turn, after input and mail: nobody else waits longer for it than for these.
    pub(crate) fn give_handshakes(&mut self) {
        if !self.io.securing.waiting.is_empty() {
            self.io.begin_part_of(limits::TLS_HANDSHAKES_A_TURN);
            while let Some(id) = self.io.securing.waiting.pop_front() {
                self.shake(id);
                if self.io.is_part_over() {
                    break;
                }
            }
        }
        while let Some(id) = self.io.next_late() {
            self.fail_secured(id, LATE);
        }
    }

    fn shake(&mut self, id: ConnectionId) {
        let Some(held) = self.io.take_held(id) else { return };
        self.open_records(id, &held);
        if self.io.had_ended(id) {
            self.end_secured(id);
        } else {
            self.io.arm_receive(id);
        }
    }

    /// The peer's socket ended.
    pub(crate) fn ended_secured(&mut self, id: ConnectionId) {
        if !self.io.end_waits(id) {
            self.end_secured(id);
        }
    }

    fn end_secured(&mut self, id: ConnectionId) {
        // Somebody who only looked whether the port is open is no failure.
        if self.io.is_shaking(id) {
            self.io.fail_secured(id, CloseReason::Peer, None);
        } else if self.io.receive_ended(id) {
            self.core.ended(&mut self.io, id);
        }
    }

    fn open_records(&mut self, id: ConnectionId, bytes: &[u8]) {
        let mut rest = bytes;
        let mut clear = std::mem::take(&mut self.io.securing.clear);
        while !rest.is_empty() {
            clear.clear();
            let fed = match self.io.open_records(id, &mut rest, &mut clear) {
                Ok(fed) => fed,
                Err(why) => {
                    self.fail_secured(id, &why);
                    break;
                }
            };
            if fed.is_through {
                self.core.secured(&mut self.io, id);
            }
            for part in clear.chunks(self.io.options.receive_buffer_bytes as usize) {
                self.core.received(&mut self.io, id, part);
            }
            if fed.has_ended && self.io.receive_ended(id) {
                self.core.ended(&mut self.io, id);
            }
        }
        self.io.securing.clear = clear;
    }

    fn fail_secured(&mut self, id: ConnectionId, why: &str) {
        self.core.insecure(&mut self.io, id, why);
        self.io.fail_secured(id, CloseReason::Tls, None);
    }
}
