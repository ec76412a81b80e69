//! The reply decoder: finds the end of one reply, going on where it stopped, and reads it.

use super::value::Reader;
use super::{Reply, ReplyError};
use crate::limits::{
    BULK_BYTES_MAX, REPLY_BYTES_MAX, REPLY_DEPTH_MAX, REPLY_ELEMENTS_MAX, REPLY_LINE_BYTES_MAX,
};
use crate::number::parse_i64;

/// The state of one connection's reply stream: at the start of a reply, or inside one that is
/// not there whole.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Start of the first part that is not there whole.
    position: usize,
    /// The line end searched for is not before this offset.
    scanned: usize,
    /// Elements seen of the reply, over all its levels.
    elements: u64,
    /// Elements still to come of each open level, outermost first; empty between replies.
    open: Vec<u64>,
}

/// One part of a reply: its type byte, the length in its line, and where the line ends.
struct Part {
    marker: u8,
    length: Option<i64>,
    end: usize,
}

impl Decoder {
    /// A decoder at the start of a reply.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds the length in bytes of the reply at the start of `input`; `None` when it is not there
    /// whole. After `None` the next call must pass the same bytes with more behind them.
    ///
    /// Attributes (`|`) belong to the reply that they precede.
    ///
    /// # Errors
    /// The bytes are no reply or pass a limit.
    pub fn end(&mut self, input: &[u8]) -> Result<Option<usize>, ReplyError> {
        if self.open.is_empty() {
            self.open.push(1);
        }
        while let Some(missing) = self.open.last().copied() {
            if missing == 0 {
                self.open.pop();
                continue;
            }
            let Some(part) = self.part(input)? else { return Ok(None) };
            let Some(end) = self.enter(input, &part)? else { return Ok(None) };
            self.position = end;
            self.scanned = 0;
            if end as u64 > REPLY_BYTES_MAX {
                return Err(ReplyError::TooBig { what: "bytes", limit: REPLY_BYTES_MAX });
            }
        }
        let end = self.position;
        *self = Self { open: std::mem::take(&mut self.open), ..Self::default() };
        Ok(Some(end))
    }

    /// Reads the reply at the start of `input` and its length in bytes; as [`Self::end`].
    ///
    /// # Errors
    /// As [`Self::end`], and when a number or a boolean in it is malformed.
    pub fn decode(&mut self, input: &[u8]) -> Result<Option<(usize, Reply)>, ReplyError> {
        let Some(end) = self.end(input)? else { return Ok(None) };
        let input = input.get(..end).unwrap_or_default();
        let reply = Reader { input, position: 0 }.value()?;
        Ok(Some((end, reply)))
    }

    /// Reads the line at `self.position`.
    fn part(&mut self, input: &[u8]) -> Result<Option<Part>, ReplyError> {
        let offset = self.position;
        let malformed = ReplyError::Malformed { offset };
        let Some(marker) = input.get(offset).copied() else { return Ok(None) };
        if !b"+-:_#,($!=*~>%|".contains(&marker) {
            return Err(ReplyError::UnknownType { got: marker, offset });
        }
        let start = offset + 1;
        let from = start.max(self.scanned);
        let rest = input.get(from..).unwrap_or_default();
        let found = rest.iter().position(|&byte| byte == b'\r');
        let line_end = found.map_or(input.len(), |index| from + index);
        if line_end - start > REPLY_LINE_BYTES_MAX {
            let limit = REPLY_LINE_BYTES_MAX as u64;
            return Err(ReplyError::TooBig { what: "bytes in one line", limit });
        }
        match input.get(line_end + 1) {
            None => {
                self.scanned = line_end;
                return Ok(None);
            }
            Some(b'\n') => {}
            Some(_) => return Err(malformed),
        }
        let length = if b"+-:_#,(".contains(&marker) {
            None
        } else {
            let length = input.get(start..line_end).and_then(parse_i64).ok_or(malformed)?;
            let is_null = length == -1 && matches!(marker, b'$' | b'*');
            if length < 0 && !is_null {
                return Err(malformed);
            }
            Some(length)
        };
        Ok(Some(Part { marker, length, end: line_end + 2 }))
    }

    /// Counts a part: skips the bytes of a string, opens a level for an aggregate. Gives where the
    /// next part starts, or `None` when the bytes of a string are not there whole.
    fn enter(&mut self, input: &[u8], part: &Part) -> Result<Option<usize>, ReplyError> {
        let mut end = part.end;
        let length = u64::try_from(part.length.unwrap_or_default()).ok();
        let mut level = None;
        match (part.marker, length) {
            (b'$' | b'!' | b'=', Some(length)) => {
                if length > BULK_BYTES_MAX {
                    let limit = BULK_BYTES_MAX;
                    return Err(ReplyError::TooBig { what: "bytes in one string", limit });
                }
                end += usize::try_from(length).unwrap_or(usize::MAX / 2);
                match input.get(end..) {
                    Some([b'\r', b'\n', ..]) => end += 2,
                    None | Some([] | [b'\r']) => return Ok(None),
                    Some(_) => return Err(ReplyError::Malformed { offset: end }),
                }
            }
            (b'*' | b'~' | b'>', Some(count)) => level = Some(count),
            (b'%' | b'|', Some(count)) => level = Some(count.saturating_mul(2)),
            _ => {}
        }
        self.elements += 1;
        if self.elements.saturating_add(level.unwrap_or_default()) > REPLY_ELEMENTS_MAX {
            let limit = REPLY_ELEMENTS_MAX;
            return Err(ReplyError::TooBig { what: "elements", limit });
        }
        // Attributes are no element of their level: the reply that follows them is.
        if part.marker != b'|'
            && let Some(missing) = self.open.last_mut()
        {
            *missing -= 1;
        }
        if let Some(count) = level {
            if self.open.len() > REPLY_DEPTH_MAX {
                let limit = REPLY_DEPTH_MAX as u64;
                return Err(ReplyError::TooBig { what: "levels", limit });
            }
            self.open.push(count);
        }
        Ok(Some(end))
    }
}
