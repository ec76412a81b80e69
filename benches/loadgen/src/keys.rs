//! Which key the next request asks for.

use crate::arguments::{Arguments, Distribution};
use crate::random::Random;
use crate::zipf::Zipf;

/// Draws key numbers below a count.
#[derive(Debug, Clone)]
pub(crate) enum Keys {
    Uniform { count: u64 },
    Zipf { count: u64, zipf: Zipf, step: u64 },
}

impl Keys {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        let count = arguments.keys;
        match arguments.distribution {
            Distribution::Uniform => Self::Uniform { count },
            Distribution::Zipf => {
                let zipf = Zipf::new(count, arguments.theta);
                Self::Zipf { count, zipf, step: spread_step(count) }
            }
        }
    }

    /// The number of the next key.
    pub(crate) fn next(&self, random: &mut Random) -> u64 {
        match self {
            Self::Uniform { count } => random.below(*count),
            Self::Zipf { count, zipf, step } => spread(zipf.rank(random), *step, *count),
        }
    }
}

/// Sends each rank to a key of its own, neighbours far apart, so that hot keys are not a range.
pub(crate) fn spread(rank: u64, step: u64, count: u64) -> u64 {
    let product = u128::from(rank) * u128::from(step) % u128::from(count);
    #[expect(clippy::cast_possible_truncation, reason = "a remainder by a u64")]
    let key = product as u64;
    key
}

/// A step close to the golden section of `count` that shares no divisor with it.
pub(crate) fn spread_step(count: u64) -> u64 {
    let golden = u128::from(count) * 618_033_989 / 1_000_000_000;
    let start = u64::try_from(golden).unwrap_or(count).max(1);
    (start..).find(|step| divisor(*step, count) == 1).unwrap_or(1)
}

fn divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
