//! The reply encoder: every reply shape in RESP2 and RESP3, appended to a caller's buffer.

use crate::number::{Decimal, write_f64, write_i64};

/// The version of the protocol that a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Protocol {
    /// The version every connection starts with.
    #[default]
    Resp2,
    /// The version after `HELLO 3`.
    Resp3,
    /// Memcached's text protocol, which [`crate::memcached::Encoder`] writes.
    Memcached,
}

/// Appends replies to `out`. Nothing is checked against limits: the caller bounds its output.
///
/// Aggregates are written as a header that says how many elements follow; the caller writes them.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// Where the bytes go.
    pub out: &'a mut Vec<u8>,
    /// Which version to write.
    pub protocol: Protocol,
}

impl<'a> Encoder<'a> {
    /// An encoder that appends to `out`.
    #[inline]
    pub fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol }
    }

    /// A simple string. `text` must have no line end; `OK` and `PONG` are what it is for.
    #[inline]
    pub fn simple(&mut self, text: &str) {
        debug_assert!(!text.contains(['\r', '\n']), "a simple string of two lines: {text:?}");
        self.line(b'+', text.as_bytes());
    }

    /// An error with its code first, as in `ERR syntax error`. Line ends in it become spaces.
    pub fn error(&mut self, text: &str) {
        self.out.push(b'-');
        self.out.extend(text.bytes().map(|byte| match byte {
            b'\r' | b'\n' => b' ',
            other => other,
        }));
        self.crlf();
    }

    /// An integer.
    #[inline]
    pub fn integer(&mut self, value: i64) {
        self.number_line(b':', value);
    }

    /// A bulk string.
    #[inline]
    pub fn bulk(&mut self, bytes: &[u8]) {
        self.out.reserve(bytes.len() + 24);
        self.bulk_header(bytes.len() as u64);
        self.out.extend_from_slice(bytes);
        self.crlf();
    }

    /// The start of a bulk string given in pieces: then [`Self::raw`] for `length_bytes` bytes in
    /// all, then [`Self::crlf`].
    #[inline]
    pub fn bulk_header(&mut self, length_bytes: u64) {
        self.count_line(b'$', length_bytes);
    }

    /// Bytes as they are.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The end of a line or of a bulk string.
    #[inline]
    pub fn crlf(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }

    /// No value.
    #[inline]
    pub fn null(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 | Protocol::Memcached => b"$-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// No array.
    #[inline]
    pub fn null_array(&mut self) {
        self.out.extend_from_slice(match self.protocol {
            Protocol::Resp2 | Protocol::Memcached => b"*-1\r\n",
            Protocol::Resp3 => b"_\r\n",
        });
    }

    /// The start of an array of `count` elements.
    #[inline]
    pub fn array(&mut self, count: usize) {
        self.count_line(b'*', count as u64);
    }

    /// The start of a map of `count` pairs; RESP2 has an array of twice as many elements.
    #[inline]
    pub fn map(&mut self, count: usize) {
        match self.protocol {
            Protocol::Resp2 | Protocol::Memcached => self.count_line(b'*', count as u64 * 2),
            Protocol::Resp3 => self.count_line(b'%', count as u64),
        }
    }

    /// The start of a set of `count` members; RESP2 has an array.
    #[inline]
    pub fn set(&mut self, count: usize) {
        self.aggregate(b'~', count);
    }

    /// The start of a message out of turn with `count` elements; RESP2 has an array.
    #[inline]
    pub fn push(&mut self, count: usize) {
        self.aggregate(b'>', count);
    }

    /// A double in the fewest digits that read back the same; RESP2 has a bulk string.
    pub fn double(&mut self, value: f64) {
        match self.protocol {
            Protocol::Resp2 | Protocol::Memcached => {
                let mut text = Vec::with_capacity(32);
                write_f64(&mut text, value);
                self.bulk(&text);
            }
            Protocol::Resp3 => {
                self.out.push(b',');
                write_f64(self.out, value);
                self.crlf();
            }
        }
    }

    /// A double that is printed already; RESP2 has a bulk string.
    #[inline]
    pub fn decimal(&mut self, text: &str) {
        match self.protocol {
            Protocol::Resp2 | Protocol::Memcached => self.bulk(text.as_bytes()),
            Protocol::Resp3 => self.line(b',', text.as_bytes()),
        }
    }

    /// True or false; RESP2 has 1 or 0.
    #[inline]
    pub fn boolean(&mut self, value: bool) {
        self.out.extend_from_slice(match (self.protocol, value) {
            (Protocol::Resp2 | Protocol::Memcached, false) => b":0\r\n",
            (Protocol::Resp2 | Protocol::Memcached, true) => b":1\r\n",
            (Protocol::Resp3, false) => b"#f\r\n",
            (Protocol::Resp3, true) => b"#t\r\n",
        });
    }

    /// Text with a format of three letters (`txt`, `mkd`); RESP2 has a bulk string without it.
    ///
    /// # Panics
    /// When `format` is not three bytes: readers count on it.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        assert!(format.len() == 3, "verbatim format {format:?} is not three letters");
        match self.protocol {
            Protocol::Resp2 | Protocol::Memcached => self.bulk(text),
            Protocol::Resp3 => {
                self.count_line(b'=', text.len() as u64 + 4);
                self.raw(format.as_bytes());
                self.raw(b":");
                self.raw(text);
                self.crlf();
            }
        }
    }

    /// An integer of any size, in decimal; RESP2 has a bulk string.
    pub fn big_number(&mut self, digits: &str) {
        match self.protocol {
            Protocol::Resp2 | Protocol::Memcached => self.bulk(digits.as_bytes()),
            Protocol::Resp3 => self.line(b'(', digits.as_bytes()),
        }
    }

    /// The start of `count` pairs about the reply behind them; `false`: RESP2 has none, and nothing was written.
    pub fn attributes(&mut self, count: usize) -> bool {
        let has = self.protocol == Protocol::Resp3;
        if has {
            self.count_line(b'|', count as u64);
        }
        has
    }

    #[inline]
    fn aggregate(&mut self, marker: u8, count: usize) {
        let marker = match self.protocol {
            Protocol::Resp2 | Protocol::Memcached => b'*',
            Protocol::Resp3 => marker,
        };
        self.count_line(marker, count as u64);
    }

    #[inline]
    fn line(&mut self, marker: u8, text: &[u8]) {
        self.out.push(marker);
        self.out.extend_from_slice(text);
        self.crlf();
    }

    #[inline]
    fn number_line(&mut self, marker: u8, value: i64) {
        match u64::try_from(value) {
            Ok(count) => self.count_line(marker, count),
            Err(_) => {
                self.out.push(marker);
                write_i64(self.out, value);
                self.crlf();
            }
        }
    }

    /// One or two digits are nearly all there are: they go out as one fixed-size copy.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each digit is below ten")]
    fn count_line(&mut self, marker: u8, count: u64) {
        match count {
            0..=9 => {
                self.out.extend_from_slice(&[marker, b'0' + count as u8, b'\r', b'\n']);
            }
            10..=99 => {
                let (tens, ones) = (count as u8 / 10, count as u8 % 10);
                self.out.extend_from_slice(&[marker, b'0' + tens, b'0' + ones, b'\r', b'\n']);
            }
            _ => self.line(marker, Decimal::unsigned(count).as_bytes()),
        }
    }
}
