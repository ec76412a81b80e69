//! Owns one link that a peer has dialed.

use hyperion_wire::peer::{Established, Handshake, Identity, PartsReader, Progress, Secret};

use super::limits::HANDSHAKE_NS;

/// How far a link is.
#[derive(Debug)]
enum Stage {
    New([u8; 32]),
    Shaking(Box<Handshake>),
    Open,
}

/// A link of a peer: its frames come in on it.
#[derive(Debug)]
pub(super) struct InLink {
    stage: Stage,
    deadline_ns: u64,
    /// Who is there, once it is proved.
    pub(super) peer: Option<Established>,
    /// What was received and is not a whole frame yet.
    pub(super) input: Vec<u8>,
    /// When a node that the config does not name was asked what it knows.
    pub(super) asked_ns: Option<u64>,
    /// The long message that is under way.
    pub(super) parts: PartsReader,
}

impl InLink {
    /// A link on which nothing has come yet; the nonce is for its handshake.
    pub(super) fn new(nonce: [u8; 32], now_ns: u64) -> Self {
        Self {
            stage: Stage::New(nonce),
            deadline_ns: now_ns + HANDSHAKE_NS,
            peer: None,
            input: Vec::new(),
            asked_ns: None,
            parts: PartsReader::new(),
        }
    }

    /// Whether nothing has come on it yet.
    pub(super) fn is_new(&self) -> bool {
        matches!(self.stage, Stage::New(_))
    }

    /// The first bytes have come.
    pub(super) fn begin(&mut self, identity: &Identity, secret: &Secret) {
        if let Stage::New(nonce) = self.stage {
            self.stage = Stage::Shaking(Box::new(Handshake::listener(identity, secret, nonce)));
        }
    }

    /// Goes on with the handshake as far as the input goes; appends what is to be sent. Gives who is there when that was proved just
    /// now.
    ///
    /// Errors: why the link comes to nothing.
    pub(super) fn shake(&mut self, out: &mut Vec<u8>) -> Result<Option<Established>, String> {
        while let Stage::Shaking(handshake) = &mut self.stage {
            match handshake.receive(&self.input, out).map_err(|error| error.to_string())? {
                Progress::Incomplete { .. } => return Ok(None),
                Progress::Continue { consumed } => drop(self.input.drain(..consumed)),
                Progress::Established { consumed, peer } => {
                    drop(self.input.drain(..consumed));
                    self.stage = Stage::Open;
                    self.peer = Some(peer);
                    return Ok(Some(peer));
                }
            }
        }
        Ok(None)
    }

    /// Whether the handshake takes too long.
    pub(super) fn is_late(&self, now_ns: u64) -> bool {
        self.peer.is_none() && now_ns > self.deadline_ns
    }
}
