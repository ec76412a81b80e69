//! Owns the shapes of messages to clients: what they get without having asked. RESP3 has pushes for them, RESP2 arrays.

use hyperion_wire::{Encoder, Protocol};

/// A message in the protocols of those who hear it, each written when the first of them is met.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    resp2: Vec<u8>,
    resp3: Vec<u8>,
}

impl Frames {
    /// The bytes of a message in one protocol; `write` writes it.
    pub(crate) fn of(&mut self, protocol: Protocol, write: impl FnOnce(&mut Encoder<'_>)) -> &[u8] {
        let bytes = match protocol {
            // Clients of memcached listen to nothing.
            Protocol::Resp2 | Protocol::Memcached => &mut self.resp2,
            Protocol::Resp3 => &mut self.resp3,
        };
        if bytes.is_empty() {
            write(&mut Encoder::new(bytes, protocol));
        }
        bytes
    }
}

/// A message on a channel.
pub(super) fn message(encoder: &mut Encoder<'_>, word: &str, channel: &[u8], payload: &[u8]) {
    encoder.push(3);
    encoder.bulk(word.as_bytes());
    encoder.bulk(channel);
    encoder.bulk(payload);
}

/// A message on a channel that fits a pattern.
pub(super) fn pattern_message(
    encoder: &mut Encoder<'_>,
    pattern: &[u8],
    channel: &[u8],
    payload: &[u8],
) {
    encoder.push(4);
    encoder.bulk(b"pmessage");
    encoder.bulk(pattern);
    encoder.bulk(channel);
    encoder.bulk(payload);
}

/// That a client listens to a name from now on, or no more; without a name where it listened to none.
pub(crate) fn changed(encoder: &mut Encoder<'_>, word: &str, name: Option<&[u8]>, count: usize) {
    encoder.push(3);
    encoder.bulk(word.as_bytes());
    match name {
        Some(name) => encoder.bulk(name),
        None => encoder.null(),
    }
    encoder.integer(i64::try_from(count).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_written_once_for_each_protocol() {
        let (mut frames, mut written) = (Frames::default(), 0);
        for (protocol, bytes) in [
            (Protocol::Resp2, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"),
            (Protocol::Resp3, ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"),
            (Protocol::Resp2, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"),
        ] {
            let got = frames.of(protocol, |encoder| {
                written += 1;
                message(encoder, "message", b"a", b"hi");
            });
            assert_eq!(got, bytes.as_bytes());
        }
        assert_eq!(written, 2);
    }
}
