//! Owns what a core has for another, or for the other nodes, about channels in one turn.

use super::limits::{OUTGOING_BYTES_MAX, OUTGOING_MESSAGES_MAX};
use super::registry::Kind;

/// That a client of the sender listens to a name, or no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) kind: Kind,
    pub(crate) name: Vec<u8>,
    pub(crate) comes: bool,
}

/// Messages, one behind the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    /// For each whether it is for a shard channel, the length of its channel and of what it says.
    heads: Vec<(bool, usize, usize)>,
    bytes: Vec<u8>,
}

impl Outgoing {
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// Whether who can wait should.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= OUTGOING_BYTES_MAX || self.heads.len() >= OUTGOING_MESSAGES_MAX
    }

    pub(crate) fn add(&mut self, is_shard: bool, channel: &[u8], payload: &[u8]) {
        self.heads.push((is_shard, channel.len(), payload.len()));
        self.bytes.extend_from_slice(channel);
        self.bytes.extend_from_slice(payload);
    }

    /// The messages in order: whether it is for a shard channel, the channel, what it says.
    pub(crate) fn messages(&self) -> impl Iterator<Item = (bool, &[u8], &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.heads.iter().map(move |&(is_shard, channel_bytes, payload_bytes)| {
            let (channel, behind) = rest.split_at(channel_bytes);
            let (payload, behind) = behind.split_at(payload_bytes);
            rest = behind;
            (is_shard, channel, payload)
        })
    }
}

/// What one core has for another in one turn.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    pub(crate) news: Vec<News>,
    pub(crate) messages: Outgoing,
}

impl Bundle {
    pub(crate) fn is_empty(&self) -> bool {
        self.news.is_empty() && self.messages.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_as_they_went_in() {
        let mut outgoing = Outgoing::default();
        let all: [(bool, &[u8], &[u8]); 4] =
            [(false, b"a", b"one"), (true, b"", b"two"), (false, b"ab", b""), (false, b"", b"")];
        all.iter()
            .for_each(|&(is_shard, channel, payload)| outgoing.add(is_shard, channel, payload));
        assert_eq!(outgoing.messages().collect::<Vec<_>>(), all);
        assert!(!outgoing.is_full());
        outgoing.add(false, b"a", &[0; OUTGOING_BYTES_MAX]);
        assert!(outgoing.is_full());
    }
}
