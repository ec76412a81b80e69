//! Owns the structs that are serialized and compressed: a small one as a reading of a sensor, a large one as a document.

use std::time::{Duration, SystemTime};

/// A stream of numbers that is the same for the same seed (SplitMix64).
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// A struct that each of the serializers takes. By tokens: some of them read no visibility that a macro has matched.
macro_rules! serialized {
    ($($item:tt)*) => {
        #[derive(
            Clone,
            Debug,
            PartialEq,
            serde::Serialize,
            serde::Deserialize,
            speedy::Readable,
            speedy::Writable,
            bincode::Encode,
            bincode::Decode,
            rkyv::Archive,
            rkyv::Serialize,
            rkyv::Deserialize,
        )]
        $($item)*
    };
}
pub(crate) use serialized;

serialized! {
    /// About 45 bytes: fixed numbers, a time and a short text.
    pub(crate) struct Small {
        pub(crate) id: u64,
        #[rkyv(with = rkyv::with::AsUnixTime)]
        pub(crate) at: SystemTime,
        pub(crate) value: f64,
        pub(crate) room: u32,
        pub(crate) is_live: bool,
        pub(crate) name: String,
    }
}

serialized! {
    /// A name and its text.
    pub(crate) struct Attribute {
        pub(crate) name: String,
        pub(crate) value: String,
    }
}

serialized! {
    /// About 1 KB: lists of numbers and of texts beside a long text.
    pub(crate) struct Large {
        pub(crate) id: u64,
        #[rkyv(with = rkyv::with::AsUnixTime)]
        pub(crate) at: SystemTime,
        pub(crate) title: String,
        pub(crate) tags: Vec<String>,
        pub(crate) values: Vec<f64>,
        pub(crate) attributes: Vec<Attribute>,
        pub(crate) body: String,
    }
}

const WORDS: [&str; 24] = [
    "node",
    "partition",
    "segment",
    "leader",
    "quorum",
    "commit",
    "index",
    "value",
    "key",
    "log",
    "ring",
    "core",
    "turn",
    "batch",
    "reply",
    "frame",
    "link",
    "term",
    "vote",
    "snapshot",
    "replica",
    "client",
    "memory",
    "disk",
];

fn word(numbers: &mut Numbers) -> &'static str {
    let at = usize::try_from(numbers.below(WORDS.len() as u64)).unwrap_or(0);
    WORDS[at]
}

fn text(numbers: &mut Numbers, words: usize) -> String {
    (0..words).map(|_| word(numbers)).collect::<Vec<_>>().join(" ")
}

/// A time of the year 2026, to the nanosecond.
fn time(numbers: &mut Numbers) -> SystemTime {
    let ns = numbers.below(31_536_000_000_000_000);
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600) + Duration::from_nanos(ns)
}

/// A measured value with two decimals, as sensors send them.
fn value(numbers: &mut Numbers) -> f64 {
    f64::from(u32::try_from(numbers.below(1_000_000)).unwrap_or(0)) / 100.0
}

/// `count` small ones; the same for the same count.
pub(crate) fn small(count: usize) -> Vec<Small> {
    let mut numbers = Numbers::new(1);
    (0..count as u64)
        .map(|id| Small {
            id,
            at: time(&mut numbers),
            value: value(&mut numbers),
            room: u32::try_from(numbers.below(5_000)).unwrap_or(0),
            is_live: numbers.below(10) > 0,
            name: format!("{}-{:04}", word(&mut numbers), numbers.below(10_000)),
        })
        .collect()
}

/// `count` large ones; the same for the same count.
pub(crate) fn large(count: usize) -> Vec<Large> {
    let mut numbers = Numbers::new(2);
    (0..count as u64)
        .map(|id| Large {
            id,
            at: time(&mut numbers),
            title: text(&mut numbers, 5),
            tags: (0..6).map(|_| word(&mut numbers).to_owned()).collect(),
            values: (0..48).map(|_| value(&mut numbers)).collect(),
            attributes: (0..4)
                .map(|_| Attribute {
                    name: word(&mut numbers).to_owned(),
                    value: format!("{:06}", numbers.below(1_000_000)),
                })
                .collect(),
            body: text(&mut numbers, 60),
        })
        .collect()
}
