//! Zipf ranks in constant time a draw, by rejection-inversion.
//!
//! Source: Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone
//! discrete distributions", ACM TOMACS 6 (3), 1996. A rank is drawn by inverting the integral of
//! the density over the ranks' unit intervals; the few draws that fall outside a rank's share are
//! rejected.

use crate::random::Random;

/// Draws rank `r` of `1..=count` with a probability in proportion to `r` to the power `-theta`.
#[derive(Debug, Clone)]
pub(crate) struct Zipf {
    count: f64,
    theta: f64,
    /// The integral's value at the left end of all draws.
    area_start: f64,
    /// The integral's value at the right end, half a rank past the last.
    area_end: f64,
    /// A rank this close to the drawn point needs no look at the integral.
    certain: f64,
}

impl Zipf {
    /// `theta` above 0; `count` at least 1 and below 2^53.
    pub(crate) fn new(count: u64, theta: f64) -> Self {
        let last = count as f64;
        let mut zipf = Self { count: last, theta, area_start: 0.0, area_end: 0.0, certain: 0.0 };
        zipf.area_start = zipf.area(1.5) - 1.0;
        zipf.area_end = zipf.area(last + 0.5);
        zipf.certain = 2.0 - zipf.area_inverse(zipf.area(2.5) - zipf.density(2.0));
        zipf
    }

    /// A rank from 1, the most frequent, to `count`.
    pub(crate) fn rank(&self, random: &mut Random) -> u64 {
        loop {
            let area = self.area_end + random.unit() * (self.area_start - self.area_end);
            let point = self.area_inverse(area);
            let rank = point.round().clamp(1.0, self.count);
            if rank - point <= self.certain || area >= self.area(rank + 0.5) - self.density(rank) {
                #[expect(clippy::cast_possible_truncation, reason = "between 1 and a count")]
                #[expect(clippy::cast_sign_loss, reason = "at least 1")]
                return rank as u64;
            }
        }
    }

    fn density(&self, x: f64) -> f64 {
        (-self.theta * x.ln()).exp()
    }

    /// The integral of the density from 1 to `x`: (x^(1 - theta) - 1) / (1 - theta), or the
    /// logarithm when theta is 1; `exp_m1` keeps it exact in between.
    fn area(&self, x: f64) -> f64 {
        let log = x.ln();
        exp_m1_ratio((1.0 - self.theta) * log) * log
    }

    fn area_inverse(&self, area: f64) -> f64 {
        let scaled = (area * (1.0 - self.theta)).max(-1.0);
        (ln_1p_ratio(scaled) * area).exp()
    }
}

/// (e^x - 1) / x, and its limit at 0.
fn exp_m1_ratio(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.exp_m1() / x } else { 1.0 + x / 2.0 }
}

/// ln(1 + x) / x, and its limit at 0.
fn ln_1p_ratio(x: f64) -> f64 {
    if x.abs() > 1e-8 { x.ln_1p() / x } else { 1.0 - x / 2.0 }
}
