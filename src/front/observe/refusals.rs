//! Owns the list of what users tried and were refused, as ACL LOG tells it.

use std::collections::VecDeque;

use hyperion_model::ReplyWriter;

/// Refusals of the same kind within this time are one entry.
const SAME_MS: u64 = 60_000;
/// Bytes of a key, a channel or a name that are kept.
const OBJECT_BYTES_MAX: usize = 256;

/// What was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Auth,
    Command,
    Key,
    Channel,
}

/// Where it was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Circumstance {
    #[default]
    TopLevel,
    /// Between MULTI and EXEC.
    Transaction,
    Script,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Ids of the node's cores differ, and grow with time.
    pub(crate) id: u64,
    pub(crate) count: u64,
    pub(crate) reason: Reason,
    pub(crate) circumstance: Circumstance,
    pub(crate) object: Vec<u8>,
    pub(crate) user: String,
    /// The line about the client that tried last.
    pub(crate) client: String,
    /// Unix ms.
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
}

impl Refusal {
    pub(crate) fn new(reason: Reason, object: &[u8], user: &str, now_ms: u64) -> Self {
        let object = object[..object.len().min(OBJECT_BYTES_MAX)].to_vec();
        let user = user.chars().take(OBJECT_BYTES_MAX).collect();
        Self {
            id: 0,
            count: 1,
            reason,
            circumstance: Circumstance::TopLevel,
            object,
            user,
            client: String::new(),
            first_ms: now_ms,
            last_ms: now_ms,
        }
    }

    pub(crate) fn tried(mut self, circumstance: Circumstance) -> Self {
        self.circumstance = circumstance;
        self
    }

    fn is_like(&self, other: &Self) -> bool {
        self.reason == other.reason
            && self.circumstance == other.circumstance
            && self.object == other.object
            && self.user == other.user
            && self.last_ms.abs_diff(other.last_ms) <= SAME_MS
    }

    /// Takes another one of the same kind in.
    fn join(&mut self, other: Self) {
        self.count += other.count;
        self.first_ms = self.first_ms.min(other.first_ms);
        if other.last_ms >= self.last_ms {
            (self.last_ms, self.client) = (other.last_ms, other.client);
        }
    }

    fn write(&self, now_ms: u64, reply: &mut dyn ReplyWriter) {
        let integer = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let reason: &[u8] = match self.reason {
            Reason::Auth => b"auth",
            Reason::Command => b"command",
            Reason::Key => b"key",
            Reason::Channel => b"channel",
        };
        reply.map(10);
        reply.bulk(b"count");
        reply.integer(integer(self.count));
        reply.bulk(b"reason");
        reply.bulk(reason);
        reply.bulk(b"context");
        reply.bulk(match self.circumstance {
            Circumstance::TopLevel => b"toplevel",
            Circumstance::Transaction => b"multi",
            Circumstance::Script => b"lua",
        });
        reply.bulk(b"object");
        reply.bulk(&self.object);
        reply.bulk(b"username");
        reply.bulk(self.user.as_bytes());
        reply.bulk(b"age-seconds");
        reply.double(now_ms.saturating_sub(self.last_ms) as f64 / 1_000.0);
        reply.bulk(b"client-info");
        reply.bulk(self.client.trim_end().as_bytes());
        reply.bulk(b"entry-id");
        reply.integer(integer(self.id));
        reply.bulk(b"timestamp-created");
        reply.integer(integer(self.first_ms));
        reply.bulk(b"timestamp-last-updated");
        reply.integer(integer(self.last_ms));
    }
}

/// The refusals of one core, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Refusals(VecDeque<Refusal>);

impl Refusals {
    /// Notes one; no more than `max` stay.
    pub(crate) fn note(&mut self, refusal: Refusal, max: usize) {
        let like = self.0.iter().position(|known| known.is_like(&refusal));
        let newest = match like.and_then(|at| self.0.remove(at)) {
            Some(mut known) => {
                known.join(refusal);
                known
            }
            None => refusal,
        };
        self.0.push_front(newest);
        self.0.truncate(max);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn all(&self) -> Vec<Refusal> {
        self.0.iter().cloned().collect()
    }
}

/// Puts what several cores noted together, the newest first.
pub(crate) fn merge_refusals(mut all: Vec<Refusal>) -> Vec<Refusal> {
    all.sort_by_key(|refusal| std::cmp::Reverse((refusal.last_ms, refusal.id)));
    let mut merged: Vec<Refusal> = Vec::new();
    for refusal in all {
        match merged.iter_mut().find(|known| known.is_like(&refusal)) {
            Some(known) => known.join(refusal),
            None => merged.push(refusal),
        }
    }
    merged
}

/// Answers ACL LOG.
pub(crate) fn write_refusals(refusals: &[Refusal], now_ms: u64, reply: &mut dyn ReplyWriter) {
    reply.array(refusals.len());
    refusals.iter().for_each(|refusal| refusal.write(now_ms, reply));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(object: &str, now_ms: u64) -> Refusal {
        Refusal::new(Reason::Key, object.as_bytes(), "alice", now_ms)
    }

    #[test]
    fn the_same_within_a_minute_is_one_entry_and_moves_to_the_front() {
        let mut refusals = Refusals::default();
        refusals.note(refusal("a", 1_000), 10);
        refusals.note(refusal("b", 2_000), 10);
        refusals.note(refusal("a", 30_000), 10);
        let all = refusals.all();
        let shown: Vec<_> =
            all.iter().map(|it| (it.object.as_slice(), it.count, it.first_ms)).collect();
        assert_eq!(shown, [(&b"a"[..], 2, 1_000), (&b"b"[..], 1, 2_000)]);
        refusals.note(refusal("a", 30_001 + SAME_MS), 10);
        assert_eq!(refusals.all().len(), 3);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut refusals = Refusals::default();
        (0..10_u64).for_each(|at| refusals.note(refusal(&at.to_string(), at), 3));
        let left: Vec<Vec<u8>> = refusals.all().into_iter().map(|it| it.object).collect();
        assert_eq!(left, [b"9", b"8", b"7"]);
        refusals.note(refusal("x", 11), 0);
        assert!(refusals.all().is_empty());
    }

    #[test]
    fn what_cores_noted_is_told_as_one() {
        let merged = merge_refusals(vec![refusal("a", 5), refusal("b", 9), refusal("a", 7)]);
        let shown: Vec<_> =
            merged.iter().map(|it| (it.object.as_slice(), it.count, it.last_ms)).collect();
        assert_eq!(shown, [(&b"b"[..], 1, 9), (&b"a"[..], 2, 7)]);
    }
}
