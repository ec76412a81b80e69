//! Owns what MONITOR shows: the commands of all cores' clients, gathered a turn long and sent to where somebody watches.

use std::borrow::Cow;

use hyperion_runtime::ConnectionId;

use super::limits::{SHOWN_BYTES_MAX, SHOWN_LINE_BYTES_MAX, SHOWN_WORD_BYTES_MAX};
use super::told::cut;

/// Who watches, and what the turn has for them.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Clients of this core that watch.
    pub(crate) own: Vec<ConnectionId>,
    /// How many watch on each core, by its place.
    counts: Vec<usize>,
    /// Somebody watches somewhere: the one thing that is asked for each command.
    pub(crate) is_on: bool,
    /// The lines of this turn.
    lines: Vec<u8>,
    /// There were too many.
    is_torn: bool,
}

/// Lines of a core for those who watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) lines: Vec<u8>,
    /// Some are missing: who watches is to be closed rather than told half.
    pub(crate) is_torn: bool,
}

impl Watch {
    /// One more, or one less, watches on a core.
    pub(crate) fn count(&mut self, core: usize, is_more: bool) {
        if self.counts.len() <= core {
            self.counts.resize(core + 1, 0);
        }
        let count = &mut self.counts[core];
        *count = if is_more { *count + 1 } else { count.saturating_sub(1) };
        self.is_on = self.counts.iter().any(|count| *count > 0);
    }

    /// The cores where somebody watches.
    pub(crate) fn cores(&self) -> impl Iterator<Item = usize> {
        self.counts.iter().enumerate().filter(|(_, count)| **count > 0).map(|(core, _)| core)
    }

    /// Adds the line of a command.
    pub(crate) fn add(&mut self, now_us: u64, database: u8, peer: &str, words: &[Cow<'_, [u8]>]) {
        if self.lines.len() > SHOWN_BYTES_MAX {
            self.is_torn = true;
            return;
        }
        write_line(&mut self.lines, now_us, database, peer, words);
    }

    /// What the turn has, if anything.
    pub(crate) fn take(&mut self) -> Option<Shown> {
        let shown = Shown {
            lines: std::mem::take(&mut self.lines),
            is_torn: std::mem::take(&mut self.is_torn),
        };
        (!shown.lines.is_empty()).then_some(shown)
    }
}

/// One line as MONITOR shows it, as a simple string.
fn write_line(out: &mut Vec<u8>, now_us: u64, database: u8, peer: &str, words: &[Cow<'_, [u8]>]) {
    let (seconds, us) = (now_us / 1_000_000, now_us % 1_000_000);
    let start = out.len();
    out.extend_from_slice(format!("+{seconds}.{us:06} [{database} {peer}]").as_bytes());
    for (at, word) in words.iter().enumerate() {
        if out.len() - start > SHOWN_LINE_BYTES_MAX {
            let left = words.len() - at;
            out.extend_from_slice(format!(" \"... ({left} more arguments)\"").as_bytes());
            break;
        }
        out.extend_from_slice(b" \"");
        write_word(out, &cut(word, SHOWN_WORD_BYTES_MAX));
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
}

/// A word as it would be written between quotes.
fn write_word(out: &mut Vec<u8>, word: &[u8]) {
    for &byte in word {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_looks_as_in_redis() {
        let words: Vec<Cow<'_, [u8]>> = [&b"set"[..], b"a b", b"\"\\\n\r\t\x07\x08\xff\x01"]
            .into_iter()
            .map(Cow::Borrowed)
            .collect();
        let mut watch = Watch::default();
        watch.add(1_339_518_083_107_412, 3, "127.0.0.1:60866", &words);
        let shown = watch.take().expect("a line");
        let line = r#"+1339518083.107412 [3 127.0.0.1:60866] "set" "a b" "\"\\\n\r\t\a\b\xff\x01""#;
        assert_eq!(String::from_utf8_lossy(&shown.lines), format!("{line}\r\n"));
        assert!(watch.take().is_none());
    }

    #[test]
    fn a_turn_shows_no_more_than_its_bound() {
        let long = vec![0xff; SHOWN_WORD_BYTES_MAX * 2];
        let words: Vec<Cow<'_, [u8]>> = (0..100).map(|_| Cow::Borrowed(long.as_slice())).collect();
        let mut watch = Watch::default();
        for _ in 0..10_000 {
            watch.add(0, 0, "", &words);
        }
        let shown = watch.take().expect("lines");
        let line_max = SHOWN_LINE_BYTES_MAX + 8 * SHOWN_WORD_BYTES_MAX;
        assert!(shown.is_torn && shown.lines.len() < SHOWN_BYTES_MAX + line_max);
    }

    #[test]
    fn it_is_on_while_somebody_watches_anywhere() {
        let mut watch = Watch::default();
        watch.count(1, true);
        watch.count(1, true);
        watch.count(1, false);
        assert!(watch.is_on && watch.cores().eq([1]));
        watch.count(1, false);
        watch.count(0, false);
        assert!(!watch.is_on);
    }
}
