//! Owns the flags of meta commands: letters, some with a word on them.

use super::Asked;
use super::item::CAS_MAX;
use super::line::{Line, number};
use super::time::End;

const OPAQUE_BYTES_MAX: usize = 32;
const NOT_KEPT: &str =
    "CLIENT_ERROR whether an item was hit before is not kept here; leave the h flag out";

/// The flags that a command knows.
#[derive(Clone, Copy)]
pub(super) struct Allowed(&'static [u8]);

impl Allowed {
    pub(super) const GET: Self = Self(b"bcfhklOqstvENRT");
    pub(super) const STORE: Self = Self(b"bcCEFIkOqsTMN");
    pub(super) const DELETE: Self = Self(b"bCEIkOqTx");
    pub(super) const ARITHMETIC: Self = Self(b"bCENJDTMqtcvkO");
}

/// The flags of a line.
pub(super) struct Flags<'a> {
    words: &'a [&'a [u8]],
}

impl<'a> Flags<'a> {
    /// Checks that each is known, stands once, and has the word that it needs.
    ///
    /// # Errors
    /// The line that says what is wrong.
    pub(super) fn read(words: &'a [&'a [u8]], allowed: Allowed) -> Result<Self, &'static str> {
        let mut seen = 0_u128;
        for word in words {
            let &[flag, ref token @ ..] = *word else { return Err("CLIENT_ERROR invalid flag") };
            if !allowed.0.contains(&flag) {
                return Err("CLIENT_ERROR invalid flag");
            }
            // Letters are below 128.
            let bit = 1 << (flag & 0x7f);
            if seen & bit != 0 {
                return Err("CLIENT_ERROR duplicate flag");
            }
            seen |= bit;
            let is_right = match flag {
                b'h' => return Err(NOT_KEPT),
                b'E' => number::<u64>(token).is_some_and(|cas| cas <= CAS_MAX),
                b'C' | b'J' | b'D' => number::<u64>(token).is_some(),
                b'F' => number::<u32>(token).is_some(),
                b'T' | b'N' | b'R' => number::<i64>(token).is_some(),
                b'O' => token.len() <= OPAQUE_BYTES_MAX,
                b'M' => !token.is_empty(),
                _ => true,
            };
            if !is_right {
                return Err("CLIENT_ERROR bad token in command line format");
            }
        }
        Ok(Self { words })
    }

    fn token(&self, flag: u8) -> Option<&'a [u8]> {
        self.words.iter().find(|word| word[0] == flag).map(|word| &word[1..])
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.token(flag).is_some()
    }

    pub(super) fn number<N: std::str::FromStr>(&self, flag: u8) -> Option<N> {
        self.token(flag).and_then(number)
    }

    pub(super) fn end(&self, flag: u8, now_ms: u64) -> Option<End> {
        self.number(flag).map(|seconds| End::of(seconds, now_ms))
    }

    /// The letter behind M.
    pub(super) fn mode(&self) -> Option<u8> {
        self.token(b'M').and_then(|token| token.first().copied())
    }

    /// The key as it was written, and that it is in base64.
    pub(super) fn tell_key(&self, asked: &Asked<'_>, line: &mut Line) {
        line.word(&[b"k", asked.written].concat());
        if self.has(b'b') {
            line.word(b"b");
        }
    }

    /// A code with what is told of any command: the key and what the client wants to have back.
    pub(super) fn line(&self, code: &str, asked: &Asked<'_>, words: &[&[u8]]) -> Line {
        let mut line = Line::new(code);
        for word in words {
            match word[0] {
                b'O' => drop(line.word(word)),
                b'k' => self.tell_key(asked, &mut line),
                _ => {}
            }
        }
        line
    }
}
