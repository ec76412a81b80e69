//! Owns the scale of counted uses: how many uses each count of six bits stands for, and what it is on Redis' scale of 0 to 255.
//!
//! Redis' counter grows by one in `10 * (counter - 5) + 1` uses (`lfu-log-factor` 10), so it is at `5 + n` after about `5 n^2 - 4 n`.

/// What a new key's count begins with, so that it is not the next to go; on both scales.
pub(super) const COUNT_FIRST: u8 = 5;
const COUNTS: usize = 64;
/// Up to so far above the first, a count is the square root of the uses.
const SQUARE_MAX: usize = 24;
const SQUARES: usize = COUNT_FIRST as usize + SQUARE_MAX + 1;
/// What each count beyond is on Redis' scale.
const STOPS: [u8; COUNTS - SQUARES] = [
    17, 18, 19, 20, 22, 24, 26, 28, 30, 33, 36, 40, 45, 50, 55, 60, 65, 70, 75, 80, 90, 100, 110,
    120, 130, 140, 150, 165, 180, 195, 210, 225, 240, 255,
];

/// Uses at which a count is reached.
const USES: [u64; COUNTS] = {
    let mut uses = [0; COUNTS];
    let mut count = COUNT_FIRST as usize;
    while count < COUNTS {
        uses[count] = if count < SQUARES {
            let above = count as u64 - COUNT_FIRST as u64;
            above * above
        } else {
            let above = STOPS[count - SQUARES] as u64 - COUNT_FIRST as u64;
            5 * above * above - 4 * above
        };
        count += 1;
    }
    uses
};

/// What a count is on Redis' scale.
#[expect(clippy::cast_possible_truncation, reason = "counts are below 64, and these are below 17")]
const TOLD: [u8; COUNTS] = {
    let mut told = [0; COUNTS];
    let mut count = 0;
    while count < COUNTS {
        told[count] = if count <= COUNT_FIRST as usize {
            count as u8
        } else if count < SQUARES {
            COUNT_FIRST + ((4 + (16 + 20 * USES[count]).isqrt()) / 10) as u8
        } else {
            STOPS[count - SQUARES]
        };
        count += 1;
    }
    told
};

/// One use in so many is counted for a count to become the next one.
#[inline]
pub(super) fn uses_a_step(count: u8) -> u64 {
    let count = usize::from(count);
    (USES[count + 1] - USES[count]).max(1)
}

/// A count on Redis' scale.
pub(super) fn told(count: u8) -> u8 {
    TOLD[usize::from(count)]
}

/// The count that is told as this, or as what is nearest to it.
pub(super) fn count_of(told: u8) -> u8 {
    (0..).zip(TOLD).min_by_key(|&(_, other)| other.abs_diff(told)).map_or(0, |(count, _)| count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_rises_from_end_to_end() {
        assert!(USES[5..].windows(2).all(|pair| pair[0] < pair[1]), "{USES:?}");
        assert!(TOLD.windows(2).all(|pair| pair[0] <= pair[1]), "{TOLD:?}");
        // The documentation of Redis has a key of a million uses at the end of the scale, and one of a thousand at 18.
        assert_eq!((TOLD[63], USES[63], TOLD[31], USES[31]), (255, 311_500, 18, 793));
        assert_eq!((0..63).map(uses_a_step).min(), Some(1));
    }

    #[test]
    fn what_is_told_is_taken_again_as_the_same() {
        for told_before in TOLD {
            assert_eq!(told(count_of(told_before)), told_before);
        }
        for asked in 0..=255 {
            let error = told(count_of(asked)).abs_diff(asked);
            assert!(error <= 1 + asked / 16, "{asked} is off by {error}");
        }
    }
}
