//! Owns memcached's times: 0 is for ever, negative is over, up to 30 days is from now, more is Unix time.

const RELATIVE_SECONDS_MAX: i64 = 60 * 60 * 24 * 30;

/// When a value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Never,
    /// Unix ms, later than now.
    At(u64),
    /// At once.
    Now,
}

impl End {
    pub(super) fn of(seconds: i64, now_ms: u64) -> Self {
        let Ok(positive) = u64::try_from(seconds) else { return Self::Now };
        let ms = positive.saturating_mul(1000);
        let at_ms = if seconds > RELATIVE_SECONDS_MAX { ms } else { ms.saturating_add(now_ms) };
        match seconds {
            0 => Self::Never,
            _ if at_ms <= now_ms => Self::Now,
            _ => Self::At(at_ms),
        }
    }

    /// As the store takes it: `Err` when it is over.
    pub(super) fn expiry_ms(self) -> Result<Option<u64>, Over> {
        match self {
            Self::Never => Ok(None),
            Self::At(at_ms) => Ok(Some(at_ms)),
            Self::Now => Err(Over),
        }
    }
}

/// Its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Over;

/// Whole seconds left, rounded up; -1 for ever.
pub(super) fn seconds_left(expiry_ms: Option<u64>, now_ms: u64) -> i64 {
    let left = expiry_ms.map(|at_ms| at_ms.saturating_sub(now_ms).div_ceil(1000));
    left.map_or(-1, |seconds| i64::try_from(seconds).unwrap_or(i64::MAX))
}
