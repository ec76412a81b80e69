//! Owns one link to a peer as this core sees it: down, being dialed, being opened, up.

use std::net::SocketAddr;

use hyperion_runtime::ConnectionId;
use hyperion_wire::peer::{Handshake, HandshakeError, Identity, Kind, Progress, Purpose, Secret};

use super::limits::{BACK_OFF_MAX_NS, BACK_OFF_MIN_NS, HANDSHAKE_NS, OUTPUT_BYTES_MAX};
use super::long::LongMessages;

/// Which link: each peer has one for what must not wait, and one for bulk once there is some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId {
    pub(crate) node: u32,
    pub(crate) is_bulk: bool,
}

/// Where a link stands.
#[derive(Debug)]
pub(super) enum State {
    /// To be dialed at this time of the core's clock.
    Down {
        dial_at_ns: u64,
    },
    Dialing,
    /// The handshake of TLS is under way.
    Securing {
        connection: ConnectionId,
        /// For the handshake inside.
        nonce: [u8; 32],
        deadline_ns: u64,
    },
    Opening {
        connection: ConnectionId,
        handshake: Box<Handshake>,
        deadline_ns: u64,
    },
    Up {
        connection: ConnectionId,
    },
}

/// A link that this core dials.
#[derive(Debug)]
pub(super) struct OutLink {
    pub(super) id: LinkId,
    pub(super) uuid: [u8; 16],
    pub(super) address: SocketAddr,
    pub(super) state: State,
    /// The protocol version of the link, while it is up.
    pub(super) protocol: u16,
    /// What was received and is not a whole frame yet.
    pub(super) input: Vec<u8>,
    /// Frames that wait for the link to be up and free.
    pub(super) output: Vec<u8>,
    /// Frames that go before those, and while all else is held back.
    pub(super) urgent: Vec<u8>,
    /// Messages that go a part at a time, behind what waits.
    pub(super) long: LongMessages,
    /// Frames that found no place.
    pub(super) dropped: u64,
    /// Where peers may speak TLS, it is dialed so the next time.
    pub(super) dials_secured: bool,
    /// The other one says that this node was removed: it is tried as ever, which is not told again.
    pub(super) is_barred: bool,
    failures: u32,
    /// The last reason that was told: a peer that is down is told once, not every second.
    said: Option<String>,
}

impl OutLink {
    pub(super) fn new(id: LinkId, uuid: [u8; 16], address: SocketAddr) -> Self {
        Self {
            id,
            uuid,
            address,
            state: State::Down { dial_at_ns: 0 },
            protocol: 0,
            input: Vec::new(),
            output: Vec::new(),
            urgent: Vec::new(),
            long: LongMessages::default(),
            dropped: 0,
            dials_secured: false,
            is_barred: false,
            failures: 0,
            said: None,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// Dials at once what would be dialed later.
    pub(super) fn hurry(&mut self) {
        if let State::Down { dial_at_ns } = &mut self.state {
            *dial_at_ns = 0;
        }
    }

    /// Whether it is time to dial; it counts as dialing from then on.
    pub(super) fn begins_to_dial(&mut self, now_ns: u64) -> bool {
        let due = matches!(self.state, State::Down { dial_at_ns } if now_ns >= dial_at_ns);
        if due {
            self.state = State::Dialing;
        }
        due
    }

    /// A connection was made, and TLS is spoken on it first.
    pub(super) fn secure(&mut self, connection: ConnectionId, nonce: [u8; 32], now_ns: u64) {
        let deadline_ns = now_ns + HANDSHAKE_NS;
        self.state = State::Securing { connection, nonce, deadline_ns };
        self.input.clear();
    }

    /// A connection was made: gives what is to be sent on it first.
    pub(super) fn open(
        &mut self,
        connection: ConnectionId,
        identity: &Identity,
        secret: &Secret,
        nonce: [u8; 32],
        now_ns: u64,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let uuid = Some(self.uuid);
        let purpose = if self.id.is_bulk { Purpose::Bulk } else { Purpose::Control };
        let handshake = Handshake::dialer(identity, purpose, uuid, secret, nonce, &mut out);
        let deadline_ns = now_ns + HANDSHAKE_NS;
        self.state = State::Opening { connection, handshake: Box::new(handshake), deadline_ns };
        self.input.clear();
        out
    }

    /// Goes on with the handshake as far as the input goes; appends what is to be sent. `Ok(true)`: the link is up.
    ///
    /// Errors: why the link comes to nothing.
    pub(super) fn shake(&mut self, out: &mut Vec<u8>) -> Result<bool, HandshakeError> {
        let State::Opening { connection, handshake, .. } = &mut self.state else {
            return Ok(self.is_up());
        };
        loop {
            match handshake.receive(&self.input, out)? {
                Progress::Incomplete { .. } => return Ok(false),
                Progress::Continue { consumed } => drop(self.input.drain(..consumed)),
                Progress::Established { consumed, peer } => {
                    self.protocol = peer.protocol;
                    drop(self.input.drain(..consumed));
                    self.state = State::Up { connection: *connection };
                    self.failures = 0;
                    if !self.is_barred {
                        self.said = None;
                    }
                    return Ok(true);
                }
            }
        }
    }

    /// The link is down: it is dialed again after a while. Gives the reason if it is to be told.
    pub(super) fn fail(&mut self, why: String, now_ns: u64) -> Option<String> {
        self.failures = self.failures.saturating_add(1);
        if matches!(self.state, State::Securing { .. } | State::Opening { .. }) {
            self.dials_secured = !self.dials_secured;
        }
        let wait_ns = (BACK_OFF_MIN_NS << (self.failures - 1).min(10)).min(BACK_OFF_MAX_NS);
        self.state = State::Down { dial_at_ns: now_ns + wait_ns };
        self.input.clear();
        // What waited was for a peer of before: Raft sends again what still matters.
        self.output.clear();
        self.urgent.clear();
        self.long.clear();
        let is_new = self.said.as_ref() != Some(&why) && !(self.is_barred && self.said.is_some());
        self.said = Some(why.clone());
        is_new.then_some(why)
    }

    /// Whether the handshake takes too long.
    pub(super) fn is_late(&self, now_ns: u64) -> bool {
        matches!(
            self.state,
            State::Opening { deadline_ns, .. } | State::Securing { deadline_ns, .. }
                if now_ns > deadline_ns
        )
    }

    /// Lets `write` append a frame, if the link is up and has room; bulk waits for its link.
    pub(super) fn queue(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        if !self.is_up() && !self.id.is_bulk || self.output.len() >= OUTPUT_BYTES_MAX {
            self.dropped += 1;
            return false;
        }
        write(&mut self.output);
        true
    }

    /// As [`OutLink::queue`], before all that waits.
    pub(super) fn queue_urgent(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let is_taken = self.is_up() && self.urgent.len() < OUTPUT_BYTES_MAX;
        if is_taken {
            write(&mut self.urgent);
        }
        is_taken
    }

    /// Takes the body of a message that goes in parts; `false` when the link is down or has no room.
    pub(super) fn queue_long(
        &mut self,
        what: (Kind, u32),
        write: impl FnOnce() -> Option<Vec<u8>>,
    ) -> bool {
        let is_taken = self.is_up() && self.long.queue(what, write);
        self.dropped += u64::from(!is_taken);
        is_taken
    }

    /// Lets the next part of a long message follow what waits.
    pub(super) fn add_part(&mut self) {
        self.long.add_part(&mut self.output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_down_is_dialed_ever_more_slowly_and_told_once() {
        let mut link = OutLink::new(
            LinkId { node: 2, is_bulk: false },
            [2; 16],
            "127.0.0.1:1".parse().unwrap(),
        );
        let mut now_ns = 0;
        let mut waits = Vec::new();
        for attempt in 0..12 {
            assert!(link.begins_to_dial(now_ns) && !link.begins_to_dial(now_ns));
            let told = link.fail("refused".to_owned(), now_ns);
            assert_eq!(told.is_some(), attempt == 0);
            let State::Down { dial_at_ns } = link.state else { panic!("it is down") };
            waits.push(dial_at_ns - now_ns);
            now_ns = dial_at_ns;
        }
        assert_eq!(waits[0], BACK_OFF_MIN_NS);
        assert!(waits.is_sorted() && waits.last() == Some(&BACK_OFF_MAX_NS), "{waits:?}");
        assert!(link.fail("reset".to_owned(), now_ns).is_some(), "another reason is told");
    }

    /// It filled the log of a removed node for the half minute that it goes on.
    #[test]
    fn a_peer_that_bars_this_node_is_told_once() {
        let address = "127.0.0.1:1".parse().unwrap();
        let mut link = OutLink::new(LinkId { node: 2, is_bulk: false }, [2; 16], address);
        link.is_barred = true;
        assert!(link.fail("removed".to_owned(), 0).is_some());
        for why in ["closed", "removed"] {
            assert_eq!(link.fail(why.to_owned(), 0), None, "{why}");
        }
    }

    #[test]
    fn nothing_waits_for_a_link_that_is_down() {
        let mut link = OutLink::new(
            LinkId { node: 2, is_bulk: false },
            [2; 16],
            "127.0.0.1:1".parse().unwrap(),
        );
        assert!(!link.queue(|_| panic!("nothing is written")));
        assert_eq!(link.dropped, 1);
    }
}
