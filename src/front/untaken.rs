//! Owns that answers are made as fast as their clients take them: of another core's long answers one at a time, and who wants none is not held for
//! them.

use hyperion_model::limits::WAITING_COMMANDS_MAX;
use hyperion_runtime::ConnectionId;

use super::client::Hold;
use super::limits::{ANSWERS_A_TURN_BYTES, OUTPUT_PAUSE_BYTES};
use crate::node::{Io, Mail, NodeCore};

impl NodeCore {
    /// Whether a command would add to answers of which there are enough: the client has not taken its last one, or the core is given many in
    /// this turn.
    pub(super) fn answers_are_untaken(&mut self, from: u16, connection: ConnectionId) -> bool {
        // Who finds no place to wait adds to them rather than being refused.
        if self.parked.commands.len() >= WAITING_COMMANDS_MAX {
            return false;
        }
        if !self.parked.takers.is_empty() && self.parked.takers.contains(&(from, connection)) {
            return true;
        }
        let is_much = self.replies_to(from).replies.bytes.len() > ANSWERS_A_TURN_BYTES;
        // The next turn tries again.
        self.is_unfinished |= is_much;
        is_much
    }

    /// A client has taken the long answer of this core.
    pub(crate) fn answer_taken(&mut self, from: u16, connection: ConnectionId) {
        if self.parked.takers.remove(&(from, connection)) && !self.parked.is_empty() {
            self.is_unfinished = true;
        }
    }

    /// Tells the cores whose long answers have left for the client.
    pub(crate) fn tell_taken(&mut self, io: &mut Io, connection: ConnectionId) {
        let Some(client) = self.clients.get(connection) else { return };
        if client.untaken.is_empty()
            || client.output.ready_bytes() + io.unsent_bytes(connection) > OUTPUT_PAUSE_BYTES
        {
            return;
        }
        let links = &mut self.links;
        client.untaken.retain(|&core| {
            let is_taken = client.output.is_merged(core);
            if is_taken {
                links[usize::from(core)].backlog.push_back(Mail::Taken(connection));
                // The mail of this turn may have been posted already.
                io.wake_again();
            }
            !is_taken
        });
    }

    /// A client that was held until its answers have left goes on with the next turn where none is sent: it wants no answers.
    pub(crate) fn go_on_unsent(&mut self, io: &mut Io, connection: ConnectionId) {
        let Some(client) = self.clients.get(connection) else { return };
        // Those in the lanes too: they wait for answers that are still owed.
        let bytes = client.output.len();
        if client.hold == Hold::Output && bytes == 0 && !io.is_sending(connection) {
            client.hold = Hold::Turn;
            self.late.push(connection);
            io.wake_again();
        }
    }
}
