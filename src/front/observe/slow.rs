//! Owns the list of slow commands, as SLOWLOG tells it.

use std::collections::VecDeque;

use hyperion_model::ReplyWriter;

/// A command that took long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slow {
    /// Grows with time over all cores of the node.
    pub(crate) id: u64,
    /// Unix seconds.
    pub(crate) at_s: u64,
    pub(crate) took_us: u64,
    pub(crate) words: Vec<Vec<u8>>,
    /// Address and name of the client, where it is known.
    pub(crate) peer: String,
    pub(crate) name: String,
}

impl Slow {
    fn write(&self, reply: &mut dyn ReplyWriter) {
        let integer = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        reply.array(6);
        reply.integer(integer(self.id));
        reply.integer(integer(self.at_s));
        reply.integer(integer(self.took_us));
        reply.array(self.words.len());
        self.words.iter().for_each(|word| reply.bulk(word));
        reply.bulk(self.peer.as_bytes());
        reply.bulk(self.name.as_bytes());
    }
}

/// Slow commands of one core, the newest first.
#[derive(Debug, Default)]
pub(crate) struct SlowLog(VecDeque<Slow>);

impl SlowLog {
    /// Notes one; no more than `max` stay.
    pub(crate) fn note(&mut self, slow: Slow, max: usize) {
        self.0.push_front(slow);
        self.0.truncate(max);
    }

    /// No more than `max` stay.
    pub(crate) fn shorten(&mut self, max: usize) {
        self.0.truncate(max);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The newest `count`.
    pub(crate) fn newest(&self, count: usize) -> Vec<Slow> {
        self.0.iter().take(count).cloned().collect()
    }
}

/// Answers SLOWLOG GET with the newest `count` of what the cores have.
pub(crate) fn write_slow(mut all: Vec<Slow>, count: usize, reply: &mut dyn ReplyWriter) {
    all.sort_by_key(|slow| std::cmp::Reverse(slow.id));
    all.truncate(count);
    reply.array(all.len());
    all.iter().for_each(|slow| slow.write(reply));
}
