//! Both ends of a link in one thread.

use super::samples::hello;
use crate::peer::{
    Established, FrameParser, Framed, Handshake, HandshakeError, Hello, Identity, Message,
    Progress, Purpose, Secret,
};

const SECRET: &[u8] = b"a secret of the tests, long enough";
pub(super) const DIALER_NONCE: [u8; 32] = [0xd1; 32];
pub(super) const LISTENER_NONCE: [u8; 32] = [0x15; 32];

pub(super) fn secret() -> Secret {
    Secret::new(SECRET).expect("it is long enough")
}

pub(super) fn dialer_identity() -> Identity {
    Identity {
        protocol_min: 1,
        protocol_max: 1,
        cluster_id: *b"cluster of tests",
        node: 1,
        uuid: *b"uuid of node one",
        core: 0,
        cores: 2,
    }
}

pub(super) fn listener_identity() -> Identity {
    Identity { node: 2, uuid: *b"uuid of node two", core: 3, cores: 4, ..dialer_identity() }
}

/// Both ends in one thread; remembers what each has said.
pub(super) struct Link {
    pub(super) dialer: Handshake,
    pub(super) listener: Handshake,
    pub(super) dialer_said: Vec<u8>,
    pub(super) listener_said: Vec<u8>,
    pub(super) heard: (usize, usize),
}

type Ends = (Established, Established);

impl Link {
    pub(super) fn between(listener: &Identity) -> Self {
        Self::of(&dialer_identity(), listener, None, &secret(), &secret())
    }

    pub(super) fn of(
        dialer: &Identity,
        listener: &Identity,
        expected_uuid: Option<[u8; 16]>,
        dialer_secret: &Secret,
        listener_secret: &Secret,
    ) -> Self {
        let mut dialer_said = Vec::new();
        let (purpose, nonce) = (Purpose::Bulk, DIALER_NONCE);
        let out = &mut dialer_said;
        let dialer = Handshake::dialer(dialer, purpose, expected_uuid, dialer_secret, nonce, out);
        let listener = Handshake::listener(listener, listener_secret, LISTENER_NONCE);
        Self { dialer, listener, dialer_said, listener_said: Vec::new(), heard: (0, 0) }
    }

    /// Lets each end hear what the other said until both are done or one gives up.
    pub(super) fn open(&mut self) -> Result<Ends, HandshakeError> {
        let (mut at_dialer, mut at_listener) = (None, None);
        while at_dialer.is_none() || at_listener.is_none() {
            let input = &self.dialer_said[self.heard.0..];
            match self.listener.receive(input, &mut self.listener_said)? {
                Progress::Continue { consumed } => self.heard.0 += consumed,
                Progress::Established { consumed, peer } => {
                    self.heard.0 += consumed;
                    at_listener = Some(peer);
                }
                Progress::Incomplete { .. } => {}
            }
            let input = &self.listener_said[self.heard.1..];
            match self.dialer.receive(input, &mut self.dialer_said)? {
                Progress::Continue { consumed } => self.heard.1 += consumed,
                Progress::Established { consumed, peer } => {
                    self.heard.1 += consumed;
                    at_dialer = Some(peer);
                }
                Progress::Incomplete { .. } => {}
            }
        }
        Ok((at_dialer.expect("it is there"), at_listener.expect("it is there")))
    }
}

/// All messages of a stream.
pub(super) fn messages(mut bytes: &[u8]) -> Vec<Message<'_>> {
    let mut found = Vec::new();
    while let Ok(Framed::Frame { frame, consumed }) = FrameParser::new().parse(bytes) {
        found.push(Message::decode(&frame).expect("a body"));
        bytes = &bytes[consumed..];
    }
    found
}

/// A hello of the right cluster.
pub(super) fn stranger() -> Hello {
    Hello { protocol_max: 1, cluster_id: dialer_identity().cluster_id, ..hello() }
}
