//! Requests: encoded once as templates, copied and given their key's digits.

use hyperion_wire::{Encoder, Protocol};

use crate::arguments::Dialect;
use crate::keys::Keys;
use crate::random::Random;

/// More than a request has besides its value, in bytes.
pub(crate) const REQUEST_OVERHEAD_BYTES: u64 = 64;
/// Digits of the number in a key.
const KEY_DIGITS: usize = 12;
/// A key before its digits are put in.
const KEY: &[u8] = b"key:000000000000";

/// A command that the load may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Get,
    Set,
    Incr,
    Del,
    Exists,
    Ping,
}

impl Command {
    /// The command of a name in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "get" => Self::Get,
            "set" => Self::Set,
            "incr" => Self::Incr,
            "del" => Self::Del,
            "exists" => Self::Exists,
            "ping" => Self::Ping,
            _ => return None,
        })
    }

    /// Whether a request of it can be written in this protocol.
    pub(crate) fn is_in(self, dialect: Dialect) -> bool {
        dialect == Dialect::Resp || matches!(self, Self::Get | Self::Set)
    }

    /// `dialect` has the command.
    fn template(self, dialect: Dialect, value: &[u8]) -> Template {
        match dialect {
            Dialect::Resp => self.in_resp(value),
            Dialect::Memcached => self.in_memcached(value),
        }
    }

    fn in_memcached(self, value: &[u8]) -> Template {
        let mut bytes = if self == Self::Set { b"ms ".to_vec() } else { b"mg ".to_vec() };
        let digits_at = bytes.len() + KEY.len() - KEY_DIGITS;
        bytes.extend_from_slice(KEY);
        if self == Self::Set {
            bytes.extend_from_slice(format!(" {}\r\n", value.len()).as_bytes());
            bytes.extend_from_slice(value);
        } else {
            bytes.extend_from_slice(b" v");
        }
        bytes.extend_from_slice(b"\r\n");
        Template { bytes, digits_at: Some(digits_at) }
    }

    /// INCR has keys of its own: a value of the others is not a number.
    fn in_resp(self, value: &[u8]) -> Template {
        let key = KEY;
        let counter = b"ctr:000000000000".as_slice();
        let words: &[&[u8]] = match self {
            Self::Get => &[b"GET", key],
            Self::Set => &[b"SET", key, value],
            Self::Incr => &[b"INCR", counter],
            Self::Del => &[b"DEL", key],
            Self::Exists => &[b"EXISTS", key],
            Self::Ping => &[b"PING"],
        };
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, Protocol::Resp2);
        encoder.array(words.len());
        let mut digits_at = None;
        for (index, word) in words.iter().enumerate() {
            encoder.bulk(word);
            if index == 1 {
                digits_at = Some(encoder.out.len() - 2 - KEY_DIGITS);
            }
        }
        Template { bytes, digits_at }
    }
}

/// One encoded request with room for its key.
#[derive(Debug, Clone)]
struct Template {
    bytes: Vec<u8>,
    digits_at: Option<usize>,
}

impl Template {
    fn append(&self, key: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let Some(at) = self.digits_at else { return };
        let mut rest = key;
        for place in out[start + at..start + at + KEY_DIGITS].iter_mut().rev() {
            *place = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
}

/// Where requests come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// SET of each key from `next` on.
    Fill(Fill),
    /// The mix of a load.
    Mix(Mix),
}

impl Source {
    /// Appends one request.
    pub(crate) fn append(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Fill(fill) => {
                fill.template.append(fill.next, out);
                fill.next += 1;
            }
            Self::Mix(mix) => mix.append(out),
        }
    }
}

/// Sets keys one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Fill {
    template: Template,
    next: u64,
}

impl Fill {
    /// Starts at key number `start`.
    pub(crate) fn new(start: u64, dialect: Dialect, value: &[u8]) -> Self {
        Self { template: Command::Set.template(dialect, value), next: start }
    }
}

/// Draws commands by their shares and keys by their distribution.
#[derive(Debug, Clone)]
pub(crate) struct Mix {
    /// Each command with the end of its share of all 2^32 draws.
    templates: Vec<(u64, Template)>,
    keys: Keys,
    random: Random,
}

impl Mix {
    /// `shares` has one command at least, each with a share above 0 and in `dialect`.
    pub(crate) fn new(
        shares: &[(Command, f64)],
        dialect: Dialect,
        value: &[u8],
        keys: Keys,
        random: Random,
    ) -> Self {
        let total: f64 = shares.iter().map(|(_, share)| share).sum();
        let mut sum = 0.0;
        let mut templates = Vec::new();
        for (command, share) in shares {
            sum += share / total;
            #[expect(clippy::cast_possible_truncation, reason = "at most about 2^32")]
            #[expect(clippy::cast_sign_loss, reason = "a sum of shares above 0")]
            let end = (sum * (1_u64 << 32) as f64).round() as u64;
            templates.push((end, command.template(dialect, value)));
        }
        Self { templates, keys, random }
    }

    fn append(&mut self, out: &mut Vec<u8>) {
        let draw = self.random.next_u64() >> 32;
        let chosen = self.templates.iter().find(|(end, _)| draw < *end);
        let Some((_, template)) = chosen.or(self.templates.last()) else { return };
        let key = if template.digits_at.is_some() { self.keys.next(&mut self.random) } else { 0 };
        template.append(key, out);
    }
}

/// A value of letters and digits that does not compress to nothing.
pub(crate) fn value(bytes: u32, seed: u64) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    let mut random = Random::new(seed, u64::MAX);
    (0..bytes).map(|_| LETTERS[(random.next_u64() >> 58) as usize]).collect()
}
