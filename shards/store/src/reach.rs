//! Owns what words of one core's log name of other cores' logs, and where logs end that name what another one has lost.
//!
//! A word about a transaction that was written before what it rests on was durable says how far the other logs had come: cores, and the
//! LSNs behind the records that are meant. A power cut leaves of each log a beginning of its own. A log then ends before the first
//! batch with a word that rests on what is gone, which may take away what words of further logs rest on. What all cores had made
//! durable together is never among it.

use hyperion_model::CoreId;

/// How far a core's log has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The core.
    pub core: CoreId,
    /// The LSN behind the last record that is meant.
    pub lsn: u64,
}

const REACH_BYTES: usize = 10;

impl Reach {
    /// The value of a word: core u16 and LSN u64 of each.
    pub(crate) fn write_all(all: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(all.len() * REACH_BYTES);
        for reach in all {
            bytes.extend(reach.core.0.to_le_bytes());
            bytes.extend(reach.lsn.to_le_bytes());
        }
        bytes
    }

    /// What [`Reach::write_all`] wrote; bytes that are none of it are left out.
    pub(crate) fn read_all(bytes: &[u8]) -> impl Iterator<Item = Self> + '_ {
        bytes.as_chunks::<REACH_BYTES>().0.iter().map(|bytes| {
            let [c0, c1, lsn @ ..] = *bytes;
            Self { core: CoreId(u16::from_le_bytes([c0, c1])), lsn: u64::from_le_bytes(lsn) }
        })
    }
}

/// Where a batch begins in the files of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchPlace {
    /// The segment's id.
    pub segment: u64,
    /// The batch's offset in it.
    pub offset: u64,
    /// Its first LSN.
    pub lsn: u64,
}

impl BatchPlace {
    /// What is to be written over the begin of the batch and synced, so that a start ends the log there.
    pub const VOID: [u8; crate::batch::BATCH_HEAD_BYTES] = [0; crate::batch::BATCH_HEAD_BYTES];
}

/// A word that rests on another core's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resting {
    /// The batch that the word lies in.
    pub batch: BatchPlace,
    /// What it rests on.
    pub on: Reach,
}

/// How far a core's log goes, and what it rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// The LSN that follows the last record that counts.
    pub lsn: u64,
    /// Words that are not known to have been durable, in the order of the log.
    pub resting: Vec<Resting>,
}

/// Where each core's log must end, `None`: where it does. `found` are all cores, in order. Before any of these stores is resumed, each such
/// batch is to be made void ([`BatchPlace::VOID`]) on the disk and the core read again.
#[must_use]
pub fn cuts(found: &[&Ending]) -> Vec<Option<BatchPlace>> {
    let mut ends: Vec<u64> = found.iter().map(|found| found.lsn).collect();
    let mut cuts: Vec<Option<BatchPlace>> = vec![None; found.len()];
    loop {
        let mut is_settled = true;
        for (core, found) in found.iter().enumerate() {
            // A core that is not among them is none of this layout.
            let is_lost =
                |on: Reach| ends.get(usize::from(on.core.0)).is_some_and(|&end| on.lsn > end);
            let here = found.resting.iter().take_while(|it| it.batch.lsn < ends[core]);
            if let Some(first) = here.into_iter().find(|it| is_lost(it.on)) {
                (ends[core], cuts[core]) = (first.batch.lsn, Some(first.batch));
                is_settled = false;
            }
        }
        if is_settled {
            return cuts;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word in the batch at `lsn`, which is where it lies in the segment too.
    fn word(lsn: u64, core: u16, on: u64) -> Resting {
        let batch = BatchPlace { segment: 1, offset: lsn, lsn };
        Resting { batch, on: Reach { core: CoreId(core), lsn: on } }
    }

    fn ends(found: &[(u64, &[Resting])]) -> Vec<Option<u64>> {
        let found: Vec<Ending> =
            found.iter().map(|&(lsn, resting)| Ending { lsn, resting: resting.to_vec() }).collect();
        let found: Vec<&Ending> = found.iter().collect();
        cuts(&found).into_iter().map(|cut| cut.map(|place| place.lsn)).collect()
    }

    #[test]
    fn a_log_ends_before_what_rests_on_a_lost_end() {
        assert_eq!(ends(&[(10, &[word(4, 1, 7)]), (7, &[])]), [None, None], "all of it is there");
        assert_eq!(ends(&[(10, &[word(4, 1, 8)]), (7, &[])]), [Some(4), None]);
        let words = [word(4, 1, 7), word(6, 1, 9), word(8, 1, 8)];
        assert_eq!(ends(&[(10, &words), (7, &[])]), [Some(6), None], "the first that does");
    }

    #[test]
    fn what_rests_on_a_log_that_is_cut_is_cut_too() {
        let (first, second) = ([word(5, 1, 6)], [word(5, 2, 9)]);
        assert_eq!(ends(&[(9, &first), (9, &second), (8, &[])]), [Some(5), Some(5), None]);
        // The cut is behind what the first log rests on.
        let first = [word(5, 1, 5)];
        assert_eq!(ends(&[(9, &first), (9, &second), (8, &[])]), [None, Some(5), None]);
        // One that leans on the other's cut, and back.
        let (first, second) = ([word(3, 1, 8), word(7, 1, 4)], [word(3, 0, 8), word(6, 2, 9)]);
        assert_eq!(ends(&[(9, &first), (9, &second), (8, &[])]), [Some(3), Some(3), None]);
    }

    #[test]
    fn what_a_word_rests_on_reads_back() {
        let all = [Reach { core: CoreId(3), lsn: 1 << 40 }, Reach { core: CoreId(300), lsn: 7 }];
        let bytes = Reach::write_all(&all);
        assert_eq!(Reach::read_all(&bytes).collect::<Vec<_>>(), all);
        assert_eq!(Reach::read_all(&bytes[..15]).collect::<Vec<_>>(), all[..1]);
    }
}
