//! Owns the locks of one core: keys held for transactions over several cores, and those that wait for them in order.

use crate::effect::Want;
use hyperion_model::collections::Map;
use hyperion_model::{DatabaseId, TransactionId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A key as locks name it. Clients choose keys, so it is ordered, not hashed.
pub(crate) type LockKey = (DatabaseId, Vec<u8>);

/// Keys that a transaction asks for.
#[derive(Debug)]
pub(crate) struct LockRequest {
    pub(crate) id: TransactionId,
    pub(crate) keys: Vec<LockKey>,
    pub(crate) want: Want,
}

/// All locks of one core.
#[derive(Default)]
pub(crate) struct Locks {
    held: BTreeMap<LockKey, TransactionId>,
    holders: Map<TransactionId, Vec<LockKey>>,
    /// In the order in which they came. None gets a key that an earlier one waits for: else one of many keys would wait for ever where others
    /// take them one by one.
    waiting: VecDeque<LockRequest>,
    /// How many of them want each key.
    wanted: BTreeMap<LockKey, usize>,
    /// A lock was let go since this was last asked.
    released: bool,
    /// Somebody waits until no key is locked: requests wait behind.
    is_held_back: bool,
    /// A command that is worked in slices has the core, or waits for it: requests wait.
    is_closed: bool,
}

impl Locks {
    /// Whether no key is locked: the usual case, asked before every command.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(crate) fn holds(&self, database: DatabaseId, key: &[u8]) -> bool {
        !self.held.is_empty() && self.held.contains_key(&(database, key.to_vec()))
    }

    /// Whose a key is.
    pub(crate) fn holder(&self, database: DatabaseId, key: &[u8]) -> Option<TransactionId> {
        self.held.get(&(database, key.to_vec())).copied()
    }

    /// Asks for keys; `true`: they are locked now, else the request waits.
    pub(crate) fn lock(&mut self, request: LockRequest) -> Option<LockRequest> {
        let is_wanted = || request.keys.iter().any(|key| self.wanted.contains_key(key));
        if self.is_free(&request) && !is_wanted() {
            self.take(&request);
            return Some(request);
        }
        for key in &request.keys {
            *self.wanted.entry(key.clone()).or_default() += 1;
        }
        self.waiting.push_back(request);
        None
    }

    /// A request waits no more.
    fn unwant(&mut self, request: &LockRequest) {
        for key in &request.keys {
            if let Some(count) = self.wanted.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    self.wanted.remove(key);
                }
            }
        }
    }

    /// Takes keys that were this transaction's before, whoever waits.
    ///
    /// # Panics
    /// When one is another's.
    pub(crate) fn take_again(&mut self, request: &LockRequest) {
        let are_free = request.keys.iter().all(|key| !self.held.contains_key(key));
        assert!(are_free, "{:?} has prepared writes of keys that are another's", request.id);
        self.take(request);
    }

    fn is_free(&self, request: &LockRequest) -> bool {
        !self.is_held_back
            && !self.is_closed
            && request.keys.iter().all(|key| !self.held.contains_key(key))
    }

    fn take(&mut self, request: &LockRequest) {
        for key in &request.keys {
            self.held.insert(key.clone(), request.id);
        }
        self.holders.insert(request.id, request.keys.clone());
    }

    /// Lets all keys of a transaction go.
    pub(crate) fn release(&mut self, id: TransactionId) {
        for key in self.holders.remove(&id).unwrap_or_default() {
            self.held.remove(&key);
        }
        while let Some(at) = self.waiting.iter().position(|request| request.id == id) {
            let request = self.waiting.remove(at).expect("its place was just found");
            self.unwant(&request);
        }
        self.released = true;
    }

    /// The next waiting request whose keys are free, and for none of which an earlier one waits; they are locked for it.
    ///
    /// Nobody waits in a circle by that: who waits here waits in the end for one who holds keys here, and that one for nobody here.
    pub(crate) fn next_granted(&mut self) -> Option<LockRequest> {
        let mut before: BTreeSet<&LockKey> = BTreeSet::new();
        let at = self.waiting.iter().position(|request| {
            let is_next =
                self.is_free(request) && !request.keys.iter().any(|key| before.contains(key));
            before.extend(&request.keys);
            is_next
        })?;
        let request = self.waiting.remove(at).expect("its place was just found");
        self.unwant(&request);
        self.take(&request);
        Some(request)
    }

    /// No more keys are locked until [`Locks::let_on`].
    ///
    /// Nobody waits for another in a circle by that: whoever holds keys here waits only for cores behind this one.
    pub(crate) fn hold_back(&mut self) {
        self.is_held_back = true;
    }

    /// No more keys are locked until [`Locks::open_again`]. As with [`Locks::hold_back`] nobody waits in a circle by that.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
    }

    /// Keys may be locked again, and what waited for the one who closed may run.
    pub(crate) fn open_again(&mut self) {
        self.is_closed = false;
        self.released = true;
    }

    /// Keys may be locked again.
    pub(crate) fn let_on(&mut self) {
        self.is_held_back = false;
    }

    /// Whether a lock was let go since the last call.
    pub(crate) fn take_released(&mut self) -> bool {
        std::mem::take(&mut self.released)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: u64, keys: &[&[u8]]) -> LockRequest {
        let keys = keys.iter().map(|key| (DatabaseId(0), key.to_vec())).collect();
        LockRequest { id: TransactionId(id), keys, want: Want::Nothing }
    }

    #[test]
    fn a_request_gets_all_its_keys_or_waits_for_all() {
        let mut locks = Locks::default();
        assert!(locks.lock(request(1, &[b"a", b"b"])).is_some());
        assert!(locks.lock(request(2, &[b"b", b"c"])).is_none());
        assert!(!locks.holds(DatabaseId(0), b"c"), "a waiting request holds nothing");
        assert!(locks.lock(request(3, &[b"d"])).is_some());
        assert!(locks.next_granted().is_none());
        locks.release(TransactionId(1));
        assert_eq!(locks.next_granted().map(|granted| granted.id), Some(TransactionId(2)));
        locks.release(TransactionId(2));
        locks.release(TransactionId(3));
        assert!(locks.is_empty() && locks.take_released() && !locks.take_released());
    }

    #[test]
    fn nobody_overtakes_who_waits_for_the_same_key() {
        let mut locks = Locks::default();
        assert!(locks.lock(request(1, &[b"a"])).is_some());
        assert!(locks.lock(request(2, &[b"a", b"b", b"c"])).is_none());
        // Free, and wanted by one who came before.
        assert!(locks.lock(request(3, &[b"b"])).is_none());
        assert!(locks.lock(request(4, &[b"c", b"d"])).is_none());
        assert!(locks.lock(request(5, &[b"e"])).is_some(), "wanted by nobody");
        assert!(locks.next_granted().is_none());
        locks.release(TransactionId(1));
        assert_eq!(locks.next_granted().map(|granted| granted.id), Some(TransactionId(2)));
        assert!(locks.next_granted().is_none());
        locks.release(TransactionId(2));
        let next = [locks.next_granted(), locks.next_granted()].map(|it| it.map(|it| it.id));
        assert_eq!(next, [Some(TransactionId(3)), Some(TransactionId(4))]);
        // One who gives up is not waited for.
        assert!(locks.lock(request(6, &[b"b", b"f"])).is_none());
        assert!(locks.lock(request(7, &[b"f"])).is_none());
        locks.release(TransactionId(6));
        assert_eq!(locks.next_granted().map(|granted| granted.id), Some(TransactionId(7)));
        (3..8).for_each(|id| locks.release(TransactionId(id)));
        assert!(locks.is_empty() && locks.wanted.is_empty());
    }

    #[test]
    fn requests_that_are_held_back_wait_although_their_keys_are_free() {
        let mut locks = Locks::default();
        locks.lock(request(1, &[b"a"]));
        locks.hold_back();
        assert!(locks.lock(request(2, &[b"b"])).is_none());
        locks.release(TransactionId(1));
        assert!(locks.is_empty() && locks.next_granted().is_none());
        locks.take_again(&request(3, &[b"c"]));
        assert!(locks.holds(DatabaseId(0), b"c"), "what was held before is not held back");
        locks.release(TransactionId(3));
        locks.let_on();
        assert_eq!(locks.next_granted().map(|granted| granted.id), Some(TransactionId(2)));
    }

    #[test]
    fn a_released_transaction_no_longer_waits() {
        let mut locks = Locks::default();
        locks.lock(request(1, &[b"a"]));
        locks.lock(request(2, &[b"a"]));
        locks.release(TransactionId(2));
        locks.release(TransactionId(1));
        assert!(locks.next_granted().is_none() && locks.is_empty());
    }
}
