//! One core's store whose files are written and synced at once: lookups, changes, and commits of batches.

use hyperion_model::{CoreId, DatabaseId, PartitionMap};
use hyperion_store::{Append, Options, Room, Store};

use crate::{Dice, TURN, key};

/// Bytes of a segment.
pub const SEGMENT_BYTES: usize = 4 << 20;
/// Bytes of each value.
pub const VALUE_BYTES: usize = 64;
const VALUE: [u8; VALUE_BYTES] = [b'v'; VALUE_BYTES];
/// No key has this number or a higher one.
const ABSENT: u64 = 500_000_000_000;
/// Asked for before a record is written: some more than it takes.
const ROOM_BYTES: usize = 256;
/// Turns until the cleaner has made room.
const WAIT_TURNS_MAX: usize = 10_000;

pub(crate) fn options() -> Options {
    Options {
        core: CoreId(0),
        map: PartitionMap::spread(64, 1),
        instance: [7; 16],
        segment_bytes: SEGMENT_BYTES,
        keeps_files: true,
        hash_seed: 11,
        entropy: 13,
        generation: 1,
    }
}

/// Memory for the segments of one store, used again when they are dead.
#[derive(Default)]
pub(crate) struct Stock {
    segments: u64,
    spare: Vec<&'static mut [u8]>,
    appends: Vec<Append>,
    dead: Vec<u32>,
}

impl Stock {
    /// Gives a store the segments that it wants.
    pub(crate) fn supply(&mut self, store: &mut Store) {
        for _ in 0..store.segments_wanted() {
            self.segments += 1;
            let memory = self.spare.pop().unwrap_or_else(|| Vec::leak(vec![0; SEGMENT_BYTES]));
            store.add_ready(self.segments, memory);
        }
    }

    /// Ends a turn: everything that was appended is written and synced, and what is dead is free. Gives the bytes that were written.
    pub(crate) fn commit(&mut self, store: &mut Store) -> usize {
        let mut bytes = 0;
        store.take_appends(&mut self.appends);
        for append in self.appends.drain(..) {
            bytes += append.end - append.start;
            store.mark_written(&append);
        }
        if let Some(ticket) = store.begin_sync() {
            store.finish_sync(&ticket);
        }
        store.free_dead(&mut self.dead);
        self.dead.drain(..).for_each(|slot| store.freed(slot));
        self.supply(store);
        bytes
    }
}

/// What a store with so many keys is given: several times what they take, so that the cleaner has little to do.
fn memory_bytes(keys: u64) -> u64 {
    (64 << 20) + keys * 400
}

/// A store with the keys 0 to `keys`.
pub struct Shelf {
    store: Store,
    stock: Stock,
    keys: u64,
    dice: Dice,
    inserted: u64,
}

impl Shelf {
    /// Fills a store.
    #[must_use]
    pub fn new(keys: u64) -> Self {
        Self::with(Stock::default(), keys)
    }

    /// The same anew, in the same memory.
    #[must_use]
    pub fn renewed(mut self) -> Self {
        self.stock.spare.extend(self.store.into_memory());
        Self::with(self.stock, self.keys)
    }

    fn with(stock: Stock, keys: u64) -> Self {
        let mut store = Store::new(options());
        store.set_now(1_000_000);
        let mut shelf = Self { store, stock, keys, dice: Dice::new(5), inserted: keys };
        shelf.commit();
        for number in 0..keys {
            shelf.put(number);
            if number % TURN as u64 == 0 {
                shelf.commit();
            }
        }
        shelf.commit();
        shelf
    }

    fn put(&mut self, number: u64) {
        let mut turns = 0;
        while self.store.room(ROOM_BYTES) != Room::Now {
            assert!(turns < WAIT_TURNS_MAX, "no room after {turns} turns");
            turns += 1;
            self.commit();
        }
        let name = key(number);
        let key = self.store.key(DatabaseId(0), &name);
        self.store.put(&key, &[&VALUE], None).expect("there is room");
    }

    /// Ends a turn: what was put is one batch, written and synced; gives its bytes, and those that the cleaner copied.
    pub fn commit(&mut self) -> usize {
        self.store.set_memory(memory_bytes(self.inserted));
        if self.store.wants_cleaning() {
            self.store.clean();
        }
        self.stock.commit(&mut self.store)
    }

    fn find(&mut self, number: u64) -> usize {
        let name = key(number);
        let key = self.store.key(DatabaseId(0), &name);
        self.store.find(&key).map_or(0, |found| self.store.value(&found).len())
    }

    /// Looks [`TURN`] keys up that are there, one after the other; gives the bytes of their values.
    pub fn hits(&mut self) -> usize {
        let mut bytes = 0;
        for _ in 0..TURN {
            let number = self.dice.draw(self.keys);
            bytes += self.find(number);
        }
        bytes
    }

    /// The same with keys that are not there.
    pub fn misses(&mut self) -> usize {
        let mut bytes = 0;
        for _ in 0..TURN {
            let number = ABSENT + self.dice.draw(self.keys);
            bytes += self.find(number);
        }
        bytes
    }

    /// As [`Self::hits`], and the memory is asked for the places and records of all keys first, as a turn does with a pipeline.
    ///
    /// # Panics
    /// When a key is not there.
    pub fn batch(&mut self) -> usize {
        let names: [[u8; 16]; TURN] = std::array::from_fn(|_| key(self.dice.draw(self.keys)));
        let keys: Vec<_> = names.iter().map(|name| self.store.key(DatabaseId(0), name)).collect();
        keys.iter().for_each(|key| self.store.prefetch_bucket(key));
        keys.iter().for_each(|key| self.store.prefetch_record(key));
        let mut bytes = 0;
        for key in &keys {
            let found = self.store.find(key).expect("it is there");
            bytes += self.store.value(&found).len();
        }
        bytes
    }

    /// Adds [`TURN`] keys that were not there before.
    pub fn inserts(&mut self) {
        for _ in 0..TURN {
            self.put(self.inserted);
            self.inserted += 1;
        }
    }

    /// Writes [`TURN`] keys anew and commits them as one batch; gives its bytes, and those that the cleaner copied.
    pub fn overwrites(&mut self) -> usize {
        for _ in 0..TURN {
            let number = self.dice.draw(self.keys);
            self.put(number);
        }
        self.commit()
    }
}
