//! Owns whether chunks are compressed, and how hard: the first ones are compressed at two levels, and what pays is used from then on.
//!
//! What pays depends on where they go. On the disk it is what is small and does not take too long. On a link it is what gets the most
//! plain bytes across: a core that compresses and the link work at the same time, and the slower of them counts.

use std::time::Duration;

use brotli::enc::BrotliEncoderParams;

/// Plain bytes that are compressed at both levels before one is chosen.
pub(crate) const PROBE_BYTES: u64 = 4 << 20;
/// The two levels that are tried.
const QUALITIES: [i32; 2] = [1, 4];
/// A level is used when it leaves less of the size than this part, in percent: of the plain bytes, or of the lower level.
const PAYS_PERCENT: u64 = 90;
/// The higher level may take so many times the lower one's time.
const TIMES_MAX: u32 = 3;

/// What the level is chosen for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Few bytes.
    #[default]
    Smallest,
    /// Much across a link that moves so many bytes a second.
    Link {
        /// As measured with plain bytes.
        bytes_a_second: u64,
    },
}

/// What was found at the start of the snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) plain_bytes: u64,
    /// By level.
    pub(crate) bytes: [u64; 2],
    /// Processor time, by level.
    pub(crate) time: [Duration; 2],
}

impl Probe {
    /// The level that pays; none: the bytes are stored, or sent, as they are.
    fn choice(&self, goal: Goal) -> Option<i32> {
        match goal {
            Goal::Smallest => self.smallest(),
            Goal::Link { bytes_a_second } => self.fastest(bytes_a_second),
        }
    }

    fn smallest(&self) -> Option<i32> {
        let [low, high] = self.bytes;
        if pays(high, low)
            && pays(high, self.plain_bytes)
            && self.time[1] < self.time[0] * TIMES_MAX
        {
            Some(QUALITIES[1])
        } else {
            pays(low, self.plain_bytes).then_some(QUALITIES[0])
        }
    }

    /// Of the levels that shrink what was tried, the one that is through first; the lower one of two that are as fast.
    fn fastest(&self, link_bytes_a_second: u64) -> Option<i32> {
        let time = |at: usize| {
            let on_the_link =
                u128::from(self.bytes[at]) * 1_000_000_000 / u128::from(link_bytes_a_second.max(1));
            self.time[at].as_nanos().max(on_the_link)
        };
        let shrinking = (0..QUALITIES.len()).filter(|at| pays(self.bytes[*at], self.plain_bytes));
        shrinking.min_by_key(|at| time(*at)).map(|at| QUALITIES[at])
    }
}

/// Whether `bytes` are so much fewer that the work is worth it.
fn pays(bytes: u64, of: u64) -> bool {
    bytes * 100 < of * PAYS_PERCENT
}

/// How the pieces of one snapshot are compressed.
#[derive(Debug, Default)]
pub(crate) struct Compressor {
    pub(crate) probe: Probe,
    goal: Goal,
    /// The level in force once the probe is over.
    chosen: Option<Option<i32>>,
    stored: Vec<u8>,
    other: Vec<u8>,
}

impl Compressor {
    /// What the level is chosen for, if it is not chosen yet.
    pub(crate) fn aim(&mut self, goal: Goal) {
        self.goal = goal;
    }

    /// `plain` compressed; nothing where that does not pay.
    pub(crate) fn pack(&mut self, plain: &[u8]) -> Option<&[u8]> {
        let is_stored = match self.chosen {
            Some(quality) => compress(plain, quality?, &mut self.stored),
            None => self.try_both(plain),
        };
        (is_stored && self.stored.len() < plain.len()).then_some(self.stored.as_slice())
    }

    /// `plain` compressed; nothing where it would not shrink at all.
    pub(crate) fn pack_always(&mut self, plain: &[u8]) -> Option<&[u8]> {
        if self.chosen == Some(None) {
            let is_stored = compress(plain, QUALITIES[0], &mut self.stored);
            return (is_stored && self.stored.len() < plain.len()).then_some(&self.stored);
        }
        self.pack(plain)
    }

    fn try_both(&mut self, plain: &[u8]) -> bool {
        let begun = processor_time();
        let mut is_stored = compress(plain, QUALITIES[0], &mut self.stored);
        let between = processor_time();
        is_stored &= compress(plain, QUALITIES[1], &mut self.other);
        let ended = processor_time();
        self.probe.plain_bytes += plain.len() as u64;
        self.probe.bytes[0] += self.stored.len() as u64;
        self.probe.bytes[1] += self.other.len() as u64;
        self.probe.time[0] += between.saturating_sub(begun);
        self.probe.time[1] += ended.saturating_sub(between);
        if self.probe.plain_bytes >= PROBE_BYTES {
            self.chosen = Some(self.probe.choice(self.goal));
        }
        if self.other.len() < self.stored.len() {
            std::mem::swap(&mut self.stored, &mut self.other);
        }
        is_stored
    }

    /// The level in a word.
    pub(crate) fn level(&self) -> String {
        match self.chosen {
            None => "auto".to_owned(),
            Some(None) => "none".to_owned(),
            Some(Some(quality)) => quality.to_string(),
        }
    }
}

/// Compresses `plain` into `out`; `false` when that fails, which costs the compression and nothing else.
fn compress(mut plain: &[u8], quality: i32, out: &mut Vec<u8>) -> bool {
    out.clear();
    let parameters = BrotliEncoderParams {
        quality,
        lgwin: 20,
        size_hint: plain.len(),
        ..BrotliEncoderParams::default()
    };
    brotli::BrotliCompress(&mut plain, out, &parameters).is_ok()
}

/// The time that this thread has been on a processor: the priority is low, so a clock on the wall would say more about others.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let ns = text.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
    Duration::from_nanos(ns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::table;

    #[test]
    fn the_level_is_what_pays() {
        let ms = Duration::from_millis;
        for (bytes, time, expected) in [
            ([100, 99], [ms(1), ms(1)], None),
            ([91, 91], [ms(1), ms(1)], None),
            ([50, 49], [ms(1), ms(1)], Some(1)),
            ([50, 40], [ms(1), ms(2)], Some(4)),
            ([50, 40], [ms(1), ms(4)], Some(1)),
            ([95, 80], [ms(1), ms(2)], Some(4)),
        ] {
            let probe = Probe { plain_bytes: 100, bytes, time };
            assert_eq!(probe.choice(Goal::Smallest), expected, "{bytes:?} {time:?}");
        }
    }

    #[test]
    fn on_a_link_the_level_is_what_is_through_first() {
        let ms = Duration::from_millis;
        // 100 MB in 1 s at level 1, in 2 s at level 4.
        for (bytes, link_mb_s, expected) in [
            ([50, 40], 10, Some(4)),
            // 50 MB in 1 s: the higher level is 2 s on the processor.
            ([50, 40], 50, Some(1)),
            ([50, 40], 1_000, Some(1)),
            ([95, 40], 1_000, Some(4)),
            ([95, 91], 10, None),
            // As fast: the lower one.
            ([50, 50], 10, Some(1)),
        ] {
            let bytes = bytes.map(|bytes| bytes * 1_000_000);
            let probe = Probe { plain_bytes: 100_000_000, bytes, time: [ms(1_000), ms(2_000)] };
            let goal = Goal::Link { bytes_a_second: link_mb_s * 1_000_000 };
            assert_eq!(probe.choice(goal), expected, "{bytes:?} at {link_mb_s} MB/s");
        }
    }

    /// The page of the bar says which of the two levels moves more; the probe, told the same rates, says the same.
    #[test]
    fn the_level_on_a_link_is_the_one_of_the_table() {
        for row in table::rows() {
            for link in table::LINKS_MB_S {
                let probe = Probe {
                    plain_bytes: PROBE_BYTES,
                    bytes: row.levels.map(|level| level.bytes(PROBE_BYTES)),
                    time: row.levels.map(|level| level.compress_time(PROBE_BYTES)),
                };
                let goal = Goal::Link { bytes_a_second: table::bytes_a_second(link) };
                let expected = row.best(link).map(|at| QUALITIES[at]);
                assert_eq!(probe.choice(goal), expected, "{} at {link} MB/s", row.name);
            }
        }
    }

    #[test]
    fn what_does_not_shrink_is_stored_as_it_is() {
        let mut state = 7_u64;
        let noise: Vec<u8> = (0..1 << 20)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                state.to_le_bytes()[7]
            })
            .collect();
        let mut compressor = Compressor::default();
        for _ in 0..6 {
            assert_eq!(compressor.pack(&noise), None);
        }
        assert_eq!((compressor.level().as_str(), compressor.pack_always(&noise)), ("none", None));
        let mut compressor = Compressor::default();
        let text = b"the same again and again ".repeat(50_000);
        for _ in 0..6 {
            let stored = compressor.pack(&text).expect("it shrinks");
            assert!(stored.len() < text.len() / 10);
            let plain = crate::packing::unpack(stored, text.len());
            assert_eq!(plain.as_deref(), Ok(text.as_slice()));
        }
        assert_ne!(compressor.level(), "none");
    }
}
