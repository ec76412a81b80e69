//! A start: segments as they lay in files, read back into a store.

use hyperion_model::DatabaseId;
use hyperion_store::{SegmentHeader, Store};

use crate::store::{SEGMENT_BYTES, Stock, options};
use crate::{TURN, key};

/// What a store left behind.
pub struct Files {
    segments: Vec<&'static mut [u8]>,
    /// Keys in it.
    pub keys: u64,
}

impl Files {
    /// The files of a store with so many keys of 16 bytes with values of 8.
    #[must_use]
    pub fn new(keys: u64) -> Self {
        let (mut store, mut stock) = (Store::new(options()), Stock::default());
        store.set_now(1_000_000);
        store.set_memory(4 << 30);
        stock.supply(&mut store);
        for number in 0..keys {
            let name = key(number);
            let key = store.key(DatabaseId(0), &name);
            store.put(&key, &[b"value-08"], None).expect("there is room");
            if number % TURN as u64 == 0 {
                stock.commit(&mut store);
            }
        }
        stock.commit(&mut store);
        Self { segments: in_use(store.into_memory()), keys }
    }

    /// Reads all of it into a store; gives the number of its keys. The files are as before.
    ///
    /// # Panics
    /// When they are damaged.
    pub fn recover(&mut self) -> u64 {
        let mut store = Store::new(options());
        store.set_now(1_000_000);
        let segments = self.segments.drain(..).map(|memory| (header(memory), memory)).collect();
        store.recover(segments).expect("the files are whole");
        let keys = store.count(DatabaseId(0));
        self.segments = in_use(store.into_memory());
        keys
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.segments.len() * SEGMENT_BYTES
    }
}

fn header(memory: &[u8]) -> SegmentHeader {
    SegmentHeader::read(memory).expect("its header is whole").expect("it has one")
}

/// Those that were begun.
fn in_use(all: impl Iterator<Item = &'static mut [u8]>) -> Vec<&'static mut [u8]> {
    all.filter(|memory| matches!(SegmentHeader::read(memory), Ok(Some(_)))).collect()
}
