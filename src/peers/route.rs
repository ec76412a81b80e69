//! Owns whether parts of snapshots for one node go compressed: where that was measured to be faster.
//!
//! The first parts for a node go as they are, the next ones compressed, and from their acknowledgements follows which way is faster: by
//! then the link, the processors of both ends and whatever bounds moves have had their say.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyperion_cluster::config::BulkCompression;

use super::limits::{TRIAL_AGAIN, TRIAL_BYTES, TRIAL_PAYS_PERCENT};
use crate::packing::{Compressor, Goal};

/// What was measured of one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Measure {
    /// Bytes of records.
    plain_bytes: u64,
    /// Bytes of frames.
    sent_bytes: u64,
    time: Duration,
}

impl Measure {
    /// Bytes of records a second.
    fn rate(&self) -> u64 {
        let us = u64::try_from(self.time.as_micros()).unwrap_or(u64::MAX).max(1);
        self.plain_bytes.saturating_mul(1_000_000) / us
    }

    fn is_whole(&self) -> bool {
        self.plain_bytes >= TRIAL_BYTES
    }
}

/// What is known of the way to one node, for whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BulkFigures {
    pub(crate) node: u32,
    /// What is done, and why, as a few words.
    pub(crate) way: String,
    pub(crate) raw_bytes_a_second: u64,
    pub(crate) packed_bytes_a_second: u64,
    /// All parts so far: bytes of records, bytes of frames.
    pub(crate) plain_bytes: u64,
    pub(crate) sent_bytes: u64,
}

/// How a part goes, and what its acknowledgement tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Raw,
    /// Compressed at both levels: it tells which one pays, and nothing of the speed.
    Levels,
    Packed,
}

/// A part under way.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) transfer: u64,
    pub(super) sequence: u64,
    pub(super) way: Way,
    pub(super) plain_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) since: Instant,
}

/// What is known of the way to one node.
#[derive(Debug, Default)]
pub(super) struct Route {
    raw: Measure,
    packed: Measure,
    /// Whether compressing pays, once that is known, and since when.
    chosen: Option<(bool, Instant)>,
    pub(super) level: String,
    pub(super) compressor: Arc<Mutex<Compressor>>,
    pub(super) under_way: VecDeque<UnderWay>,
    pub(super) acked: Option<Instant>,
    /// Parts on the side thread.
    pub(super) packing: usize,
    pub(super) plain_bytes: u64,
    pub(super) sent_bytes: u64,
}

impl Route {
    /// How the next part goes.
    pub(super) fn way(&mut self, mode: BulkCompression, now: Instant) -> Way {
        match mode {
            BulkCompression::Never => return Way::Raw,
            BulkCompression::Always => return Way::Packed,
            BulkCompression::Auto => {}
        }
        if self.chosen.is_some_and(|(_, since)| now.duration_since(since) > TRIAL_AGAIN) {
            (self.raw, self.packed, self.chosen) = (Measure::default(), Measure::default(), None);
            (self.compressor, self.level) = (Arc::default(), String::new());
        }
        match self.chosen {
            Some((true, _)) => Way::Packed,
            Some((false, _)) => Way::Raw,
            None if !self.raw.is_whole() => Way::Raw,
            None if self.level.is_empty() || self.level == "auto" => Way::Levels,
            None => Way::Packed,
        }
    }

    /// All parts of a transfer before `next` are there.
    pub(super) fn acked(&mut self, transfer: u64, next: u64, now: Instant) {
        while let Some(at) =
            self.under_way.iter().position(|it| it.transfer == transfer && it.sequence < next)
        {
            let Some(part) = self.under_way.remove(at) else { return };
            let since = self.acked.map_or(part.since, |acked| acked.max(part.since));
            self.acked = Some(now);
            let measure = match part.way {
                Way::Raw => &mut self.raw,
                Way::Packed => &mut self.packed,
                Way::Levels => continue,
            };
            if self.chosen.is_none() {
                measure.plain_bytes += part.plain_bytes;
                measure.sent_bytes += part.sent_bytes;
                measure.time += now.duration_since(since);
            }
        }
        let does_not_shrink = self.level == "none";
        if self.chosen.is_none()
            && self.raw.is_whole()
            && (self.packed.is_whole() || does_not_shrink)
        {
            let pays =
                !does_not_shrink && self.packed.rate() > self.raw.rate() / 100 * TRIAL_PAYS_PERCENT;
            self.chosen = Some((pays, now));
        }
    }

    /// What a compressor of this way should choose its level for.
    pub(super) fn goal(&self) -> Goal {
        if self.raw.is_whole() {
            Goal::Link { bytes_a_second: self.raw.rate() }
        } else {
            Goal::Smallest
        }
    }

    pub(super) fn figures(&self, node: u32, mode: BulkCompression) -> BulkFigures {
        let way = match (mode, self.chosen) {
            (BulkCompression::Never, _) => "raw, as the config says".to_owned(),
            (BulkCompression::Always, _) => "brotli, as the config says".to_owned(),
            (_, None) => "being measured".to_owned(),
            (_, Some((true, _))) => {
                format!("brotli {}: faster than what is raw", self.level)
            }
            (_, Some(_)) if self.level == "none" => "raw: it would not shrink".to_owned(),
            (_, Some(_)) => "raw: brotli is not faster".to_owned(),
        };
        BulkFigures {
            node,
            way,
            raw_bytes_a_second: self.raw.rate(),
            packed_bytes_a_second: self.packed.rate(),
            plain_bytes: self.plain_bytes,
            sent_bytes: self.sent_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packing::table;

    const PART: u64 = 128 << 10;

    /// Sends parts one after the other, each acknowledged after its time: the ways that they went.
    fn trial(route: &mut Route, parts: u64, level: &str, times: [Duration; 2]) -> Vec<Way> {
        let mut now = Instant::now();
        let mut ways = Vec::new();
        for sequence in 0..parts {
            let way = route.way(BulkCompression::Auto, now);
            ways.push(way);
            route.under_way.push_back(UnderWay {
                transfer: 1,
                sequence,
                way,
                plain_bytes: PART,
                sent_bytes: PART,
                since: now,
            });
            if way != Way::Raw {
                level.clone_into(&mut route.level);
            }
            now += if way == Way::Raw { times[0] } else { times[1] };
            route.acked(1, sequence + 1, now);
        }
        ways
    }

    #[test]
    fn what_is_faster_is_used() {
        let ms = Duration::from_millis;
        let whole = usize::try_from(TRIAL_BYTES / PART).expect("it is small");
        for (times, level, pays) in [
            ([ms(10), ms(5)], "1", true),
            ([ms(10), ms(10)], "1", false),
            ([ms(10), ms(20)], "4", false),
            ([ms(10), ms(1)], "none", false),
        ] {
            let mut route = Route::default();
            let ways = trial(&mut route, 100, level, times);
            assert!(ways[..whole].iter().all(|way| *way == Way::Raw), "{ways:?}");
            assert_eq!(ways[whole], Way::Levels, "{ways:?}");
            let expected = if pays { Way::Packed } else { Way::Raw };
            assert_eq!(ways[99], expected, "{times:?} {level}: {ways:?}");
            assert_eq!(route.way(BulkCompression::Always, Instant::now()), Way::Packed);
            assert_eq!(route.way(BulkCompression::Never, Instant::now()), Way::Raw);
            // Links and loads change: it is measured anew after a while.
            let later = Instant::now() + TRIAL_AGAIN * 2;
            assert_eq!(route.way(BulkCompression::Auto, later), Way::Raw);
            assert_eq!(route.chosen, None);
        }
    }

    #[test]
    fn parts_in_flight_together_share_their_time() {
        let mut route = Route::default();
        let begun = Instant::now();
        for sequence in 0..8 {
            route.under_way.push_back(UnderWay {
                transfer: 1,
                sequence,
                way: Way::Raw,
                plain_bytes: PART,
                sent_bytes: PART,
                since: begun,
            });
        }
        route.acked(2, 8, begun + Duration::from_secs(1));
        assert_eq!(route.raw, Measure::default(), "another transfer's");
        route.acked(1, 4, begun + Duration::from_millis(40));
        route.acked(1, 8, begun + Duration::from_millis(80));
        assert_eq!((route.raw.plain_bytes, route.raw.time), (8 * PART, Duration::from_millis(80)));
        assert_eq!(route.raw.rate(), 8 * PART * 1_000 / 80);
    }

    /// The page of the bar of compression says where compressing pays. A transfer whose parts take as long as its rates say ends with the
    /// same decision, with the level that the probe finds for the link.
    #[test]
    fn the_decision_is_the_one_of_the_table() {
        let mut decisions = [0; 2];
        for row in table::rows() {
            for (at, link) in table::LINKS_MB_S.into_iter().enumerate() {
                let seconds = |mb_s: f64| Duration::from_secs_f64(PART as f64 / (mb_s * 1e6));
                let level = row.best(link);
                let packed_mb_s = level.map_or(link, |level| row.levels[level].packed_mb_s(link));
                let word = level.map_or("none".to_owned(), |level| format!("at {level}"));
                let mut route = Route::default();
                let times = [seconds(link), seconds(packed_mb_s)];
                let ways = trial(&mut route, 100, &word, times);
                let expected = if row.pays(at) { Way::Packed } else { Way::Raw };
                assert_eq!(ways[99], expected, "{} at {link} MB/s, {word}", row.name);
                decisions[usize::from(row.pays(at))] += 1;
            }
        }
        assert!(decisions.iter().all(|count| *count > 0), "both are decided: {decisions:?}");
    }

    /// What is compressed first is compressed for the link as it was measured with plain parts.
    #[test]
    fn the_level_is_for_the_link_that_was_measured() {
        let mut route = Route::default();
        assert_eq!(route.goal(), Goal::Smallest);
        let ms = Duration::from_millis;
        trial(&mut route, TRIAL_BYTES / PART, "", [ms(10), ms(10)]);
        assert_eq!(route.goal(), Goal::Link { bytes_a_second: PART * 100 });
    }
}
