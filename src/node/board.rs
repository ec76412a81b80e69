//! Owns what the cores hang out for the side threads: figures, a tenth of a second old at most.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::figures::CoreFigures;
use super::memory::Need;

/// One place a core. A core only ever tries to take its lock, so a reader never makes it wait.
#[derive(Debug)]
pub(crate) struct Board {
    cores: Vec<Mutex<CoreFigures>>,
    needs: Vec<NeedPlace>,
    /// What the data of each core takes, and the most that all took together when a core looked.
    used: Vec<AtomicU64>,
    used_peak: AtomicU64,
    /// Bytes that each core holds, and may hold; and how full other nodes have said to be, until when that counts.
    held: Vec<[AtomicU64; 2]>,
    fullness: Mutex<BTreeMap<u32, (u32, u64)>>,
}

/// A core's need of memory, on lines of its own: written once a tick, read by every core once a tick.
///
/// Shape: bytes times two, plus one when the core is short; all ones before the first tick.
#[derive(Debug)]
#[repr(align(128))]
struct NeedPlace(AtomicU64);

const NOT_TOLD: u64 = u64::MAX;

impl Board {
    pub(crate) fn new(cores: usize) -> Self {
        Self {
            cores: (0..cores).map(|_| Mutex::default()).collect(),
            needs: (0..cores).map(|_| NeedPlace(AtomicU64::new(NOT_TOLD))).collect(),
            used: (0..cores).map(|_| AtomicU64::new(0)).collect(),
            used_peak: AtomicU64::new(0),
            held: (0..cores).map(|_| [const { AtomicU64::new(0) }; 2]).collect(),
            fullness: Mutex::default(),
        }
    }

    /// Puts up what a core needs of the memory; gives what all need.
    pub(crate) fn share_memory(&self, core: usize, need: Need) -> Vec<Need> {
        let told = need.bytes.map_or(NOT_TOLD, |bytes| bytes << 1 | u64::from(need.is_short));
        self.needs[core].0.store(told, Ordering::Relaxed);
        let read = |place: &NeedPlace| match place.0.load(Ordering::Relaxed) {
            NOT_TOLD => Need::default(),
            told => Need { bytes: Some(told >> 1), is_short: told & 1 == 1 },
        };
        self.needs.iter().map(read).collect()
    }

    /// Puts up what a core holds and may hold. Gives how full the node is, in thousandths.
    pub(crate) fn share_fullness(&self, core: usize, held: u64, held_max: u64) -> u32 {
        for (place, bytes) in self.held[core].iter().zip([held, held_max]) {
            place.store(bytes, Ordering::Relaxed);
        }
        let sum = |at: usize| -> u64 {
            self.held.iter().map(|places| places[at].load(Ordering::Relaxed)).sum()
        };
        u32::try_from(sum(0) * 1_000 / sum(1).max(1)).unwrap_or(u32::MAX)
    }

    /// Another node has said how full it is. It counts until then.
    pub(crate) fn note_fullness(&self, node: u32, permille: u32, until_ns: u64) {
        let mut told = self.fullness.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(node, (permille, until_ns));
    }

    /// How full the fullest of these nodes is, as far as any has said, and which it is.
    pub(crate) fn fullest(
        &self,
        now_ns: u64,
        is_meant: impl Fn(u32) -> bool,
    ) -> Option<(u32, u32)> {
        let mut told = self.fullness.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, &mut (_, until_ns)| now_ns < until_ns);
        told.iter().filter(|&(&node, _)| is_meant(node)).map(|(&node, told)| (told.0, node)).max()
    }

    /// Puts up what a core shows, unless somebody reads there just now.
    pub(crate) fn show(&self, core: usize, figures: CoreFigures) {
        self.used[core].store(figures.store.used_bytes, Ordering::Relaxed);
        let used = self.used.iter().map(|used| used.load(Ordering::Relaxed)).sum();
        self.used_peak.fetch_max(used, Ordering::Relaxed);
        if let Ok(mut place) = self.cores[core].try_lock() {
            *place = figures;
        }
    }

    /// The most memory that the data took, as of any tick since the start.
    pub(crate) fn used_peak(&self) -> u64 {
        self.used_peak.load(Ordering::Relaxed)
    }

    /// What all cores show.
    pub(crate) fn read(&self) -> Vec<CoreFigures> {
        self.cores
            .iter()
            .map(|place| place.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .collect()
    }
}
