//! Owns how long a commit waits for company. Clients that are answered together write again together, so right after a commit the next
//! one would carry the first few of them, and the others would wait for it and then for their own.
//!
//! A commit that ends tells how many records may come together: those that it had, and those that came meanwhile. The next one begins
//! when so many are there again, or when a part of the time that the last one took is over. A client that is alone
//! is never kept waiting: there, nothing came meanwhile.

use std::time::Duration;

use hyperion_engine::Durability;

use super::Io;
use super::core::NodeCore;

/// Turns for which a direct write waits while more commands come in, and the batch that does not wait.
const HOLD_TURNS: u32 = 4;
const HOLD_BYTES: u64 = 16 << 10;
/// The longest wait, and what part of the last commit's time it is at most: one of so many.
const WAIT_MAX: Duration = Duration::from_micros(500);
const WAIT_PART: u32 = 2;

/// The commits of one core, counted in records of its log from the begin.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// What was appended when the last commit began, and the one before.
    begun: u64,
    begun_before: u64,
    /// What is to be there before the next begins, and until when that is waited for, in ns of the core's clock.
    wanted: u64,
    until_ns: u64,
}

impl Gathering {
    /// A commit of all `appended` records begins.
    pub(super) fn began(&mut self, appended: u64) {
        (self.begun_before, self.begun) = (self.begun, appended);
        self.until_ns = 0;
    }

    /// It has ended after `took`; until now `appended` records were appended.
    pub(super) fn ended(&mut self, appended: u64, took: Duration, now_ns: u64) {
        self.wanted = self.begun + (appended - self.begun_before);
        let wait = (took / WAIT_PART).min(WAIT_MAX);
        self.until_ns = now_ns + u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
    }

    /// Until when a commit of `appended` records should wait; not any more, if none.
    pub(super) fn waits(&self, appended: u64, now_ns: u64) -> Option<u64> {
        let is_due = appended >= self.wanted || now_ns >= self.until_ns;
        (!is_due).then_some(self.until_ns)
    }
}

impl NodeCore {
    /// Lets a batch wait while the kernel has more commands already and it is small, or while clients that were just answered are
    /// about to send more: the disk is asked less often, for more at once.
    pub(super) fn hold(&mut self, io: &mut Io) {
        let store = self.engine.store();
        let bytes = store.appended_position() - store.durable_position();
        let is_disk_free = self.commit.direct_left == 0 && self.commit.sync.is_none();
        let may = bytes > 0
            && is_disk_free
            && self.engine.settings().durability == Durability::Always
            && !self.stopping;
        let is_small = bytes < HOLD_BYTES && self.commit.holds < HOLD_TURNS;
        let has_more = may && is_small && io.has_more();
        self.commit.holds = if has_more { self.commit.holds + 1 } else { 0 };
        let until_ns = self.commit.gathering.waits(store.records_appended(), io.now_ns());
        self.commit.gathers = may && !has_more && until_ns.is_some();
        if let Some(until_ns) = until_ns
            && self.commit.gathers
        {
            io.wake_at(until_ns);
        }
        self.commit.is_held = has_more || self.commit.gathers;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_micros(200);

    /// Commits of one after the other: what is told to wait for, in records.
    struct Log {
        gathering: Gathering,
        appended: u64,
        now_ns: u64,
    }

    impl Log {
        fn new() -> Self {
            Self { gathering: Gathering::default(), appended: 1_000, now_ns: 5_000 }
        }

        /// A commit of `records` more, while which `meanwhile` come.
        fn commit(&mut self, records: u64, meanwhile: u64) {
            self.appended += records;
            self.gathering.began(self.appended);
            self.appended += meanwhile;
            self.now_ns += 200_000;
            self.gathering.ended(self.appended, TOOK, self.now_ns);
        }

        fn waits_with(&self, more: u64) -> bool {
            self.gathering.waits(self.appended + more, self.now_ns).is_some()
        }
    }

    #[test]
    fn who_is_alone_never_waits() {
        let mut log = Log::new();
        assert!(!log.waits_with(1), "before the first commit");
        log.commit(1, 0);
        for records in [1, 16, 3] {
            log.commit(records, 0);
            assert!(!log.waits_with(records), "{records} records, as before");
        }
    }

    #[test]
    fn those_that_came_together_or_meanwhile_are_waited_for() {
        let mut log = Log::new();
        log.commit(20, 0);
        log.commit(20, 30);
        assert!(log.waits_with(0), "the 20 that were answered are still to come");
        assert!(log.waits_with(19));
        assert!(!log.waits_with(20), "all 50 are there");
    }

    #[test]
    fn nobody_waits_longer_than_a_part_of_the_last_commit() {
        let mut log = Log::new();
        log.commit(20, 0);
        log.commit(20, 30);
        let until_ns = log.gathering.waits(log.appended, log.now_ns).expect("it waits");
        assert_eq!(until_ns, log.now_ns + 200_000 / u64::from(WAIT_PART));
        assert_eq!(log.gathering.waits(log.appended, until_ns), None);
        // A slow disk makes nobody wait longer than that.
        log.gathering.ended(log.appended, Duration::from_secs(1), log.now_ns);
        let until_ns = log.gathering.waits(log.appended, log.now_ns).expect("it waits");
        assert_eq!(u128::from(until_ns - log.now_ns), WAIT_MAX.as_nanos());
    }

    #[test]
    fn what_has_begun_waits_for_nothing() {
        let mut log = Log::new();
        log.commit(20, 0);
        log.commit(20, 30);
        log.gathering.began(log.appended);
        assert!(!log.waits_with(1), "the next one waits for the disk alone");
    }
}
