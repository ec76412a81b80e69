//! The handshake as a state machine: frames of the peer in, frames for the peer out.
//!
//! ```text
//! dialer                                listener
//!   Hello {who, nonce}             ->
//!                                  <-   Challenge {who, nonce}
//!   Proof {of the dialer}          ->
//!                                  <-   Accepted {version, proof of the listener}
//! ```
//!
//! Either end may answer `Refused` instead and close. The dialer proves first: a stranger can dial
//! anybody, but be dialed only where an address is written. The handshake says who is at the
//! other end when the link is opened; it does not protect what follows on the wire.

use super::body::Body;
use super::frame::{Frame, FrameParser, Framed};
use super::hello::{Accepted, Challenge, Hello, Proof, Purpose};
use super::identity::{Established, Identity};
use super::kind::Kind;
use super::proof::{Direction, Secret, is_equal, proof};
use super::refusal::{HandshakeError, Refused};
use crate::limits::HANDSHAKE_BYTES_MAX;

/// What came of the bytes of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The next frame is not there whole.
    Incomplete {
        /// Length of the input below which another try is in vain.
        bytes_min: usize,
    },
    /// A frame was taken; send what was appended, then go on with the bytes behind it.
    Continue {
        /// Bytes of the input that it takes.
        consumed: usize,
    },
    /// The link is open; the bytes behind, if any, are its first frames.
    Established {
        /// Bytes of the input that the last frame takes.
        consumed: usize,
        /// Who is at the other end.
        peer: Established,
    },
}

/// One end of a link that is being opened. The deadline is the caller's.
#[derive(Debug)]
pub struct Handshake {
    own: Hello,
    secret: Secret,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The listener, before anything came.
    AwaitsHello,
    /// The dialer has said who it is.
    AwaitsChallenge {
        expected_uuid: Option<[u8; 16]>,
    },
    /// The listener has said who it is.
    AwaitsProof {
        peer: Hello,
    },
    /// The dialer has proved the secret.
    AwaitsAccepted {
        peer: Hello,
    },
    Over,
}

impl Handshake {
    /// The end that connects; appends its first frame to `out`. `expected_uuid` is the node that
    /// should answer; `None` for a node that joins and knows addresses alone. `nonce` must be
    /// random and new.
    ///
    /// # Panics
    /// The identity is none: its oldest version is above its newest, or its core not below its
    /// cores.
    #[must_use]
    pub fn dialer(
        identity: &Identity,
        purpose: Purpose,
        expected_uuid: Option<[u8; 16]>,
        secret: &Secret,
        nonce: [u8; 32],
        out: &mut Vec<u8>,
    ) -> Self {
        let own = identity.hello(purpose, nonce);
        own.encode(out).expect("the identity is one");
        let state = State::AwaitsChallenge { expected_uuid };
        Self { own, secret: secret.clone(), state }
    }

    /// The end that was connected to; says nothing first. `nonce` must be random and new.
    ///
    /// # Panics
    /// As [`Self::dialer`].
    #[must_use]
    pub fn listener(identity: &Identity, secret: &Secret, nonce: [u8; 32]) -> Self {
        let own = identity.hello(Purpose::Control, nonce);
        own.check().expect("the identity is one");
        Self { own, secret: secret.clone(), state: State::AwaitsHello }
    }

    /// Takes at most one frame from the start of `input` and appends the answer to `out`.
    ///
    /// # Errors
    /// The link comes to nothing: send what was appended to `out`, which tells the peer, and close.
    pub fn receive(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Progress, HandshakeError> {
        let result = self.step(input, out);
        if let Err(error) = &result {
            self.state = State::Over;
            if let Some(code) = error.code() {
                let sentence = error.to_string();
                Refused::new(code, &sentence).encode(out).expect("a refusal is short");
            }
        }
        result
    }

    fn step(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<Progress, HandshakeError> {
        if matches!(self.state, State::Over) {
            return Err(HandshakeError::Over);
        }
        let parser = FrameParser::with_bytes_max(HANDSHAKE_BYTES_MAX);
        let (frame, consumed) = match parser.parse(input)? {
            Framed::Incomplete { bytes_min } => return Ok(Progress::Incomplete { bytes_min }),
            Framed::Frame { frame, consumed } => (frame, consumed),
        };
        if frame.kind == Kind::Refused {
            let Refused { code, sentence } = Refused::decode(&frame)?;
            return Err(HandshakeError::RefusedByPeer { code, sentence: sentence.into_owned() });
        }
        let peer = match std::mem::replace(&mut self.state, State::Over) {
            State::AwaitsHello => self.hear_hello(due(&frame)?, out)?,
            State::AwaitsChallenge { expected_uuid } => {
                self.hear_challenge(due(&frame)?, expected_uuid, out)?
            }
            State::AwaitsProof { peer } => Some(self.hear_proof(&due(&frame)?, &peer, out)?),
            State::AwaitsAccepted { peer } => Some(self.hear_accepted(&due(&frame)?, &peer)?),
            State::Over => return Err(HandshakeError::Over),
        };
        Ok(match peer {
            None => Progress::Continue { consumed },
            Some(peer) => Progress::Established { consumed, peer },
        })
    }
}

/// What each frame does; the state is `Over` unless a step sets the next one.
impl Handshake {
    fn hear_hello(
        &mut self,
        peer: Hello,
        out: &mut Vec<u8>,
    ) -> Result<Option<Established>, HandshakeError> {
        self.meet(&peer)?;
        self.own.purpose = peer.purpose;
        encode(&Challenge { hello: self.own.clone() }, out);
        self.state = State::AwaitsProof { peer };
        Ok(None)
    }

    fn hear_challenge(
        &mut self,
        Challenge { hello: peer }: Challenge,
        expected_uuid: Option<[u8; 16]>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Established>, HandshakeError> {
        self.meet(&peer)?;
        if expected_uuid.is_some_and(|uuid| uuid != peer.uuid) {
            return Err(HandshakeError::OtherNode { node: peer.node });
        }
        if peer.purpose != self.own.purpose {
            return Err(HandshakeError::NotAsAgreed { node: peer.node });
        }
        let proof = proof(&self.secret, Direction::DialerToListener, &self.own, &peer);
        encode(&Proof { proof }, out);
        self.state = State::AwaitsAccepted { peer };
        Ok(None)
    }

    fn hear_proof(
        &self,
        heard: &Proof,
        peer: &Hello,
        out: &mut Vec<u8>,
    ) -> Result<Established, HandshakeError> {
        let expected = proof(&self.secret, Direction::DialerToListener, peer, &self.own);
        if !is_equal(&expected, &heard.proof) {
            return Err(HandshakeError::WrongSecret { node: peer.node });
        }
        let protocol = self.agree(peer)?;
        let proof = proof(&self.secret, Direction::ListenerToDialer, peer, &self.own);
        encode(&Accepted { protocol, proof }, out);
        Ok(Established::of(peer, protocol))
    }

    fn hear_accepted(&self, heard: &Accepted, peer: &Hello) -> Result<Established, HandshakeError> {
        let expected = proof(&self.secret, Direction::ListenerToDialer, &self.own, peer);
        if !is_equal(&expected, &heard.proof) {
            return Err(HandshakeError::WrongSecret { node: peer.node });
        }
        let protocol = self.agree(peer)?;
        if heard.protocol != protocol {
            return Err(HandshakeError::NotAsAgreed { node: peer.node });
        }
        Ok(Established::of(peer, protocol))
    }

    /// What both ends ask of who is there, before anything is proved.
    fn meet(&self, peer: &Hello) -> Result<(), HandshakeError> {
        if peer.cluster_id != self.own.cluster_id {
            return Err(HandshakeError::OtherCluster { node: peer.node });
        }
        if peer.uuid == self.own.uuid {
            return Err(HandshakeError::Itself);
        }
        self.agree(peer).map(|_| ())
    }

    /// The newest protocol version that both speak.
    fn agree(&self, peer: &Hello) -> Result<u16, HandshakeError> {
        let newest = self.own.protocol_max.min(peer.protocol_max);
        if newest < self.own.protocol_min.max(peer.protocol_min) {
            return Err(HandshakeError::OtherVersion {
                node: peer.node,
                peer: peer.protocol(),
                own: self.own.protocol(),
            });
        }
        Ok(newest)
    }
}

/// The body of the frame, if it is of the kind that is due.
fn due<'a, B: Body<'a>>(frame: &Frame<'a>) -> Result<B, HandshakeError> {
    if frame.kind != B::KIND {
        return Err(HandshakeError::UnexpectedFrame { expected: B::KIND, found: frame.kind });
    }
    Ok(B::decode(frame)?)
}

fn encode<'a>(body: &impl Body<'a>, out: &mut Vec<u8>) {
    body.encode(out).expect("the bodies of the handshake have one size, which fits");
}
