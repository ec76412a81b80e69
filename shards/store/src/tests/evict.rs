//! Tests of eviction: what each policy keeps, against exact models on the same trace, and that the evicted do not come back.

use super::disk::{World, options};
use crate::{Evicted, Options, Policy, Store, StoreError, Uses};
use hyperion_model::DatabaseId;
use std::collections::BTreeMap;

const SEGMENT_BYTES: usize = 1 << 20;
const ZERO: DatabaseId = DatabaseId(0);

/// A store without files as a cache of `keys_max` keys.
struct Cache {
    store: Store,
    keys_max: u64,
    next_id: u64,
}

impl Cache {
    fn new(policy: Policy, keys_max: u64) -> Self {
        let options = Options { segment_bytes: SEGMENT_BYTES, keeps_files: false, ..options(5) };
        let mut store = Store::new(options);
        store.set_now(1_000_000);
        store.set_policy(policy);
        Self { store, keys_max, next_id: 1 }
    }

    fn supply(&mut self) {
        while self.store.segments_wanted() > 0 {
            self.store
                .add_ready(self.next_id, Box::leak(vec![0; SEGMENT_BYTES].into_boxed_slice()));
            self.next_id += 1;
        }
    }

    /// Sets a key, and makes room for it before.
    fn put(&mut self, number: u64, expiry_ms: Option<u64>) {
        self.supply();
        while self.store.count(ZERO) >= self.keys_max {
            match self.store.evict(|_, _| false) {
                Evicted::One => {}
                Evicted::NoRoom => self.supply(),
                other => panic!("{other:?} with {} keys", self.store.count(ZERO)),
            }
        }
        let bytes = number.to_le_bytes();
        let key = self.store.key(ZERO, &bytes);
        let put = self.store.put(&key, &[b"value"], expiry_ms);
        if let Err(StoreError::NoRoom { .. }) = put {
            self.supply();
            let key = self.store.key(ZERO, &bytes);
            self.store.put(&key, &[b"value"], expiry_ms).expect("a segment came");
        }
    }

    fn has(&mut self, number: u64) -> bool {
        let bytes = number.to_le_bytes();
        let key = self.store.key(ZERO, &bytes);
        self.store.find(&key).is_some()
    }

    fn peek(&mut self, number: u64) -> bool {
        let bytes = number.to_le_bytes();
        let key = self.store.key(ZERO, &bytes);
        self.store.peek(&key).is_some()
    }

    /// Share of the requests that are met; a miss is followed by a put. Turns of 50 requests and 1 ms.
    fn hit_rate(&mut self, trace: &[u64]) -> f64 {
        let mut hits = 0;
        for (at, &number) in trace.iter().enumerate() {
            if at % 50 == 0 {
                self.store.set_now(1_000_000 + at as u64 / 50);
                self.store.take_appends(&mut Vec::new());
            }
            if self.has(number) {
                hits += 1;
            } else {
                self.put(number, None);
            }
        }
        f64::from(hits) / trace.len() as f64
    }
}

/// Keys `0..keys` with the frequencies of Zipf's law, exponent 0.99, and from half of the trace on other keys in front.
fn zipf(keys: u64, requests: usize, shifts: bool) -> Vec<u64> {
    let mut sums = Vec::new();
    let mut sum = 0.0;
    for rank in 1..=keys {
        sum += (rank as f64).powf(-0.99);
        sums.push(sum);
    }
    let mut state = 42_u64;
    let draw = |at: usize| {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let part = (state >> 11) as f64 / (1_u64 << 53) as f64;
        let rank = sums.partition_point(|&edge| edge < part * sum) as u64;
        let shift = if shifts && at >= requests / 2 { keys / 2 } else { 0 };
        (rank + shift) % keys
    };
    (0..requests).map(draw).collect()
}

/// The exact policies: a key's order is when it was used last, or how often since it came.
fn exact_hit_rate(trace: &[u64], keys_max: usize, by_count: bool) -> f64 {
    let mut orders: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    let mut queue: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut hits = 0;
    for (at, &key) in trace.iter().enumerate() {
        let at = at as u64;
        let order = match orders.get(&key) {
            Some(old) => {
                hits += 1;
                queue.remove(old);
                if by_count { (old.0 + 1, at) } else { (at, 0) }
            }
            None => {
                if orders.len() == keys_max {
                    let (_, oldest) = queue.pop_first().expect("it is full");
                    orders.remove(&oldest);
                }
                if by_count { (1, at) } else { (at, 0) }
            }
        };
        orders.insert(key, order);
        queue.insert(order, key);
    }
    f64::from(hits) / trace.len() as f64
}

#[test]
fn the_hit_rate_of_lru_is_that_of_exact_lru_and_chance_is_not() {
    for (keys, keys_max, shifts) in [(4_000, 1_000, false), (8_000, 800, false), (4_000, 500, true)]
    {
        let trace = zipf(keys, 60_000, shifts);
        let exact = exact_hit_rate(&trace, keys_max, false);
        let ours = Cache::new(Policy::AllkeysLru, keys_max as u64).hit_rate(&trace);
        let chance = Cache::new(Policy::AllkeysRandom, keys_max as u64).hit_rate(&trace);
        let row = format!(
            "{keys_max} of {keys}, shifts {shifts}: exact {exact:.4}, ours {ours:.4}, chance {chance:.4}"
        );
        println!("{row}");
        assert!(ours > exact - 0.01, "{row}");
        assert!(chance < exact - 0.02, "{row}");
    }
}

#[test]
fn the_hit_rate_of_lfu_is_that_of_exact_lfu() {
    for (keys, keys_max) in [(4_000, 1_000), (8_000, 800)] {
        let trace = zipf(keys, 60_000, false);
        let exact = exact_hit_rate(&trace, keys_max, true);
        let lru = exact_hit_rate(&trace, keys_max, false);
        let ours = Cache::new(Policy::AllkeysLfu, keys_max as u64).hit_rate(&trace);
        let row =
            format!("{keys_max} of {keys}: exact {exact:.4}, ours {ours:.4}, exact LRU {lru:.4}");
        println!("{row}");
        assert!(ours > exact - 0.01 && ours > lru + 0.01, "{row}");
    }
}

#[test]
fn a_loop_over_more_keys_than_fit_keeps_what_is_in_use() {
    // 100 keys are read all the time while 20,000 others come and go: recency keeps the 100.
    let mut cache = Cache::new(Policy::AllkeysLru, 1_000);
    for number in 0..20_000 {
        cache.store.set_now(1_000_000 + number / 10);
        cache.put(1_000_000 + number, None);
        if !cache.has(number % 100) {
            cache.put(number % 100, None);
        }
    }
    let kept = (0..100).filter(|&number| cache.peek(number)).count();
    assert!(kept >= 99, "{kept} of 100");
}

#[test]
fn stamps_that_are_overtaken_do_not_look_new() {
    // The clock goes round more than three times while 1,000 keys are not used; then they are the ones to go.
    let mut cache = Cache::new(Policy::AllkeysLru, 10_000);
    (0..1_500).for_each(|number| cache.put(number, None));
    for turn in 0..100_000 {
        cache.store.set_now(1_000_001 + turn / 20);
        assert!(cache.has(turn % 500));
    }
    for _ in 0..900 {
        cache.supply();
        assert_eq!(cache.store.evict(|_, _| false), Evicted::One);
    }
    let kept = (0..500).filter(|&number| cache.peek(number)).count();
    assert!(kept >= 499, "{kept} of 500");
}

#[test]
fn keys_that_are_looked_at_without_use_go() {
    let mut cache = Cache::new(Policy::AllkeysLru, 1_000);
    for number in 0..20_000 {
        cache.store.set_now(1_000_000 + number / 10);
        cache.put(1_000_000 + number, None);
        if number < 100 {
            cache.put(number, None);
        }
        cache.peek(number % 100);
    }
    let kept = (0..100).filter(|&number| cache.peek(number)).count();
    assert_eq!(kept, 0);
}

#[test]
fn volatile_policies_take_only_keys_that_expire() {
    for policy in
        [Policy::VolatileLru, Policy::VolatileLfu, Policy::VolatileRandom, Policy::VolatileTtl]
    {
        let mut cache = Cache::new(policy, 10_000);
        for number in 0..2_000 {
            cache.put(number, (number % 20 == 0).then_some(5_000_000 + number));
        }
        let mut gone = 0;
        loop {
            match cache.store.evict(|_, _| false) {
                Evicted::One => gone += 1,
                Evicted::NotYet => {}
                Evicted::NoRoom => cache.supply(),
                Evicted::Nothing => break,
            }
        }
        assert_eq!((gone, cache.store.count(ZERO)), (100, 1_900), "{policy:?}");
        assert_eq!(cache.store.figures().evicted, 100, "{policy:?}");
    }
}

#[test]
fn those_that_expire_first_go_first() {
    let mut cache = Cache::new(Policy::VolatileTtl, 10_000);
    // The order of expiry has nothing to do with that of the keys.
    let expiry = |number: u64| 2_000_000 + number * 7_919 % 4_000;
    (0..4_000).for_each(|number| cache.put(number, Some(expiry(number))));
    for _ in 0..1_000 {
        cache.supply();
        assert_eq!(cache.store.evict(|_, _| false), Evicted::One);
    }
    let late =
        (0..4_000).filter(|&number| !cache.peek(number) && expiry(number) >= 2_001_500).count();
    assert!(
        late < 20,
        "{late} of 1,000 evicted keys had more than 1,500 of 4,000 others before them"
    );
}

#[test]
fn the_one_key_that_may_go_is_found_among_many() {
    let mut cache = Cache::new(Policy::VolatileLru, 100_000);
    (0..20_000).for_each(|number| cache.put(number, None));
    cache.put(777_777, Some(9_000_000));
    let steps = (1..).find(|_| cache.store.evict(|_, _| false) == Evicted::One);
    assert!(steps.is_some_and(|steps| steps < 100), "{steps:?} steps");
    assert_eq!(cache.store.evict(|_, _| false), Evicted::Nothing);
    assert!(!cache.peek(777_777));
}

#[test]
fn a_kept_key_stays_and_without_a_policy_nothing_goes() {
    let mut cache = Cache::new(Policy::AllkeysRandom, 100);
    (0..50).for_each(|number| cache.put(number, None));
    let kept = 7_u64.to_le_bytes();
    for _ in 0..200 {
        cache.supply();
        let _ = cache.store.evict(|database, key| database == ZERO && key == kept);
    }
    assert_eq!(cache.store.count(ZERO), 1);
    assert!(cache.peek(7));
    cache.store.set_policy(Policy::None);
    assert_eq!(cache.store.evict(|_, _| false), Evicted::Nothing);
    // Nor from an empty store.
    cache.store.set_policy(Policy::AllkeysLru);
    cache.store.flush(None).expect("there is room");
    assert_eq!(cache.store.evict(|_, _| false), Evicted::Nothing);
}

#[test]
fn keys_of_every_database_go() {
    let mut cache = Cache::new(Policy::AllkeysLru, 10_000);
    for number in 0..1_000_u64 {
        cache.supply();
        let bytes = number.to_le_bytes();
        let key = cache.store.key(DatabaseId((number % 16) as u8), &bytes);
        cache.store.put(&key, &[b"value"], None).expect("there is room");
    }
    let mut steps = 0;
    while cache.store.evict(|_, _| false) != Evicted::Nothing {
        cache.supply();
        steps += 1;
        assert!(steps < 10_000, "{} keys are left", cache.store.figures().keys);
    }
    assert_eq!(cache.store.figures().keys, 0);
    assert_eq!(cache.store.live_bytes(), 0);
}

#[test]
fn the_evicted_do_not_come_back() {
    let mut world = World::new();
    world.store.set_policy(Policy::AllkeysRandom);
    (0..300_u32).for_each(|key| world.put(&key.to_le_bytes(), b"value"));
    for _ in 0..200 {
        world.supply();
        assert_eq!(world.store.evict(|_, _| false), Evicted::One);
    }
    let before = world.contents();
    assert_eq!(before.len(), 100);
    world.turn();
    let mut again = world.reopen().expect("no damage");
    assert_eq!(again.contents(), before);
}

#[test]
fn time_since_the_last_use() {
    for policy in [Policy::None, Policy::VolatileTtl] {
        let mut cache = Cache::new(policy, 100);
        cache.put(1, None);
        let mut now_ms = 1_000_000;
        for seconds in [0, 40, 80, 400, 1_400, 4_000] {
            while now_ms < 1_000_000 + seconds * 1_000 {
                now_ms += 1_000;
                cache.store.set_now(now_ms);
            }
            let bytes = 1_u64.to_le_bytes();
            let key = cache.store.key(ZERO, &bytes);
            let found = cache.store.peek(&key).expect("it is there");
            let idle = cache.store.idle_ms(&found) / 1_000;
            // Steps of 33 s; from 25 minutes on the hand holds the stamp.
            let least = seconds.min(1_450).saturating_sub(33);
            assert!((least..=seconds).contains(&idle), "{policy:?}: {idle} of {seconds} s");
        }
    }
}

#[test]
fn frequencies_grow_with_uses_and_fade_with_minutes() {
    let mut cache = Cache::new(Policy::AllkeysLfu, 100);
    (0..2).for_each(|number| cache.put(number, None));
    assert!((0..10_000).all(|_| cache.has(1)));
    let frequency = |cache: &mut Cache, number: u64| {
        let bytes = number.to_le_bytes();
        let key = cache.store.key(ZERO, &bytes);
        let found = cache.store.peek(&key).expect("it is there");
        cache.store.frequency(&found).expect("it is counted")
    };
    assert_eq!(frequency(&mut cache, 0), 5);
    // As Redis would tell it: 50, give or take what is counted by chance.
    let high = frequency(&mut cache, 1);
    assert!((40..=65).contains(&high), "{high}");
    for minute in 1..=3 {
        for turn in 0..20 {
            cache.store.set_now(1_000_000 + minute * 60_000 + turn);
        }
    }
    assert_eq!(frequency(&mut cache, 0), 2);
    let fades_to = (high - 15)..high;
    assert!(fades_to.contains(&frequency(&mut cache, 1)), "{high}");
}

/// Keys that come with word of their uses are evicted in their order.
#[test]
fn uses_of_before_count() {
    for (policy, uses) in [
        (Policy::AllkeysLru, [Uses::IdleMs(90_000), Uses::IdleMs(5_000_000), Uses::IdleMs(0)]),
        (Policy::AllkeysLfu, [Uses::Frequency(30), Uses::Frequency(1), Uses::Frequency(255)]),
    ] {
        let mut cache = Cache::new(policy, 100);
        cache.store.set_now(1_700_000_000_000);
        for (number, uses) in (0..).zip(uses) {
            cache.put(number, None);
            let bytes = u64::to_le_bytes(number);
            let key = cache.store.key(ZERO, &bytes);
            cache.store.set_uses(&key, uses);
            let found = cache.store.peek(&key).expect("it is there");
            match uses {
                Uses::IdleMs(idle_ms) => assert_eq!(cache.store.idle_ms(&found), idle_ms),
                Uses::Frequency(told) => assert_eq!(cache.store.frequency(&found), Some(told)),
            }
        }
        for (left, gone) in [(2, 1), (1, 0)] {
            cache.supply();
            assert_eq!(cache.store.evict(|_, _| false), Evicted::One);
            assert_eq!(cache.store.count(ZERO), left);
            let bytes = u64::to_le_bytes(gone);
            let key = cache.store.key(ZERO, &bytes);
            assert!(cache.store.peek(&key).is_none(), "{policy:?}: {gone} is there");
        }
    }
}

#[test]
fn the_memory_needed_for_what_is_live_allows_what_is_live() {
    let mut cache = Cache::new(Policy::None, u64::MAX);
    for number in 0..60_000 {
        cache.put(number, None);
        if number % 500 == 0 {
            let live = cache.store.live_bytes();
            let needed = cache.store.memory_bytes_needed();
            assert!(cache.store.live_bytes_max(needed) >= live, "{live} of {needed}");
            assert!(cache.store.used_bytes() <= needed, "{live} of {needed}");
        }
    }
}

/// Cores lend each other memory by what they need: one that gives some back evicts down to a lower limit, and must need less then.
#[test]
fn what_was_evicted_down_to_a_limit_needs_no_more_than_that() {
    let mut cache = Cache::new(Policy::AllkeysLru, u64::MAX);
    // Records are smaller than any rounding, so what is left is just within the limit.
    (0..400_000).for_each(|number| cache.put(number, None));
    let most = cache.store.memory_bytes_needed();
    let least = cache.store.bytes_beside() + 7 * SEGMENT_BYTES as u64;
    assert!(most > least + 3 * SEGMENT_BYTES as u64, "{most}");
    let mut needed = most;
    while needed > least {
        // As a core that is offered a byte less than it needs.
        let memory = needed - 1;
        cache.store.count_tombstones();
        while cache.store.live_bytes() > cache.store.live_bytes_max(memory) {
            cache.supply();
            assert_eq!(cache.store.evict(|_, _| false), Evicted::One);
        }
        needed = cache.store.memory_bytes_needed();
        assert!(needed <= memory, "{needed} of {memory}");
    }
}
