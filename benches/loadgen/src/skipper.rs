//! Counts replies without reading them: skips over bytes of strings, keeps nothing but the part
//! of a line that a read cut off, and the first error's text.
//!
//! Replies of memcached's meta commands begin with letters, those of RESP with other signs, so one
//! skipper knows both.

use hyperion_wire::number::parse_i64;

use crate::limits::{ERROR_TEXT_BYTES_MAX, LINE_BYTES_MAX};

/// Replies counted by one call.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Whole replies that ended.
    pub(crate) replies: u64,
    /// Of those parts of replies, errors.
    pub(crate) errors: u64,
    /// Null parts of replies: keys that were not there.
    pub(crate) nulls: u64,
}

/// Where one connection's reply stream stands.
#[derive(Debug, Default)]
pub(crate) struct Skipper {
    /// Bytes of a string and its line end still to skip.
    skip_bytes: u64,
    /// Parts of the open reply still to come; 0 between replies.
    parts: u64,
    /// The start of a line that was cut off.
    line: Vec<u8>,
    /// Text of the first error seen.
    pub(crate) first_error: Option<String>,
}

/// The stream is neither RESP nor memcached's: the line that shows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotResp(pub(crate) String);

impl Skipper {
    /// Counts the replies that end within `input`, which continues what was fed before.
    pub(crate) fn feed(&mut self, mut input: &[u8]) -> Result<Counted, NotResp> {
        let mut counted = Counted::default();
        while !input.is_empty() {
            if self.skip_bytes > 0 {
                let length =
                    input.len().min(usize::try_from(self.skip_bytes).unwrap_or(usize::MAX));
                self.skip_bytes -= length as u64;
                input = &input[length..];
                if self.skip_bytes == 0 {
                    self.end_part(&mut counted);
                }
                continue;
            }
            let Some(newline) = input.iter().position(|&byte| byte == b'\n') else {
                if self.line.len() + input.len() > LINE_BYTES_MAX {
                    return Err(NotResp(shown(input)));
                }
                self.line.extend_from_slice(input);
                break;
            };
            let (line, rest) = input.split_at(newline + 1);
            input = rest;
            if self.line.is_empty() {
                self.read_line(line, &mut counted)?;
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.read_line(&whole, &mut counted)?;
                whole.clear();
                self.line = whole;
            }
        }
        Ok(counted)
    }

    /// Reads one line with its end.
    #[inline]
    fn read_line(&mut self, line: &[u8], counted: &mut Counted) -> Result<(), NotResp> {
        let [marker, text @ .., b'\r', b'\n'] = line else { return Err(NotResp(shown(line))) };
        let number = || parse_i64(text).ok_or_else(|| NotResp(shown(line)));
        if self.parts == 0 {
            self.parts = 1;
        }
        match marker {
            b'+' | b':' | b',' | b'#' | b'(' => {}
            b'-' => self.error(text, counted),
            b'_' => counted.nulls += 1,
            b'$' | b'=' | b'!' => {
                if *marker == b'!' {
                    self.error(b"an error given as a string", counted);
                }
                match u64::try_from(number()?) {
                    Ok(length) => {
                        self.skip_bytes = length.saturating_add(2);
                        return Ok(());
                    }
                    Err(_) => counted.nulls += 1,
                }
            }
            b'*' | b'~' | b'>' | b'%' | b'|' => {
                let count = number()?;
                counted.nulls += u64::from(count < 0);
                let count = u64::try_from(count).unwrap_or(0);
                let each = if matches!(marker, b'%' | b'|') { 2 } else { 1 };
                // An attribute is no part itself: the one it precedes is still to come.
                let own = u64::from(*marker == b'|');
                self.parts =
                    self.parts.saturating_add(count.saturating_mul(each)).saturating_add(own);
            }
            _ => return self.read_meta_line(line, counted),
        }
        self.end_part(counted);
        Ok(())
    }

    /// Reads one line of memcached's with its end.
    ///
    /// Source: memcached, doc/protocol.txt, "Meta Commands".
    #[inline]
    fn read_meta_line(&mut self, line: &[u8], counted: &mut Counted) -> Result<(), NotResp> {
        let text = line.trim_ascii_end();
        match text {
            b"HD" => {}
            b"EN" | b"NF" => counted.nulls += 1,
            b"NS" => self.error(text, counted),
            [b'V', b'A', b' ', length @ ..] => {
                let length = parse_i64(length).and_then(|length| u64::try_from(length).ok());
                let length = length.ok_or_else(|| NotResp(shown(line)))?;
                self.skip_bytes = length.saturating_add(2);
                return Ok(());
            }
            _ if [&b"ERROR"[..], b"CLIENT_ERROR ", b"SERVER_ERROR "]
                .iter()
                .any(|error| text.starts_with(error)) =>
            {
                self.error(text, counted);
            }
            _ => return Err(NotResp(shown(line))),
        }
        self.end_part(counted);
        Ok(())
    }

    fn end_part(&mut self, counted: &mut Counted) {
        self.parts -= 1;
        counted.replies += u64::from(self.parts == 0);
    }

    fn error(&mut self, text: &[u8], counted: &mut Counted) {
        counted.errors += 1;
        self.first_error.get_or_insert_with(|| shown(text));
    }
}

fn shown(bytes: &[u8]) -> String {
    let end = bytes.len().min(ERROR_TEXT_BYTES_MAX);
    bytes[..end].trim_ascii_end().escape_ascii().to_string()
}
