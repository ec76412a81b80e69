//! Owns the joint between what commands answer and the codec of the client's protocol.

use hyperion_engine::Handle;
use hyperion_model::ReplyWriter;
use hyperion_model::number::{DOUBLE_BYTES_MAX, print_double};
use hyperion_wire::{Encoder, Protocol, memcached};

/// The end of an answer that comes later: a part of a string, which is pinned for it in the store of the core that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Later {
    pub(crate) handle: Handle,
    /// Where in the string it begins.
    pub(crate) at: u64,
    pub(crate) bytes: u64,
}

/// Writes replies into a buffer in one protocol.
pub(crate) struct Replies<'a> {
    encoder: Encoder<'a>,
    /// Whether a long string may come later.
    may_stream: bool,
    /// The string that does. Its head is written.
    pub(crate) later: Option<Later>,
}

impl<'a> Replies<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { encoder: Encoder::new(out, protocol), may_stream: false, later: None }
    }

    /// As [`Replies::new`], for an answer whose long string is brought later.
    pub(crate) fn streaming(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self { may_stream: true, ..Self::new(out, protocol) }
    }
}

impl Replies<'_> {
    /// The lines of memcached, for a client that speaks it.
    #[inline]
    fn lines(&mut self) -> Option<memcached::Encoder<'_>> {
        let speaks = self.encoder.protocol == Protocol::Memcached;
        speaks.then_some(memcached::Encoder { out: self.encoder.out })
    }
}

impl ReplyWriter for Replies<'_> {
    #[inline]
    fn simple(&mut self, text: &str) {
        if let Some(mut lines) = self.lines() {
            return lines.line(text.as_bytes());
        }
        self.encoder.simple(text);
    }

    fn error(&mut self, text: &str) {
        if let Some(mut lines) = self.lines() {
            return lines.error(text);
        }
        self.encoder.error(text);
    }

    #[inline]
    fn integer(&mut self, value: i64) {
        self.encoder.integer(value);
    }

    #[inline]
    fn bulk(&mut self, bytes: &[u8]) {
        if let Some(mut lines) = self.lines() {
            return lines.line(bytes);
        }
        self.encoder.bulk(bytes);
    }

    fn bulk_begin(&mut self, length_bytes: u64) {
        if self.lines().is_none() {
            self.encoder.bulk_header(length_bytes);
        }
    }

    fn bulk_piece(&mut self, bytes: &[u8], last: bool) {
        self.encoder.raw(bytes);
        if last {
            self.encoder.crlf();
        }
    }

    fn bulk_later(&mut self, length_bytes: u64, handle: u64, from: u64) -> bool {
        if self.may_stream {
            self.bulk_begin(length_bytes);
            self.later = Some(Later { handle: Handle(handle), at: from, bytes: length_bytes });
        }
        self.may_stream
    }

    #[inline]
    fn null(&mut self) {
        if self.lines().is_none() {
            self.encoder.null();
        }
    }

    fn null_array(&mut self) {
        self.encoder.null_array();
    }

    fn array(&mut self, count: usize) {
        self.encoder.array(count);
    }

    fn pairs(&mut self, count: usize, are_pairs: bool) {
        let is_flat = are_pairs && self.encoder.protocol == Protocol::Resp2;
        self.encoder.array(if is_flat { 2 * count } else { count });
    }

    fn pair(&mut self) {
        if self.encoder.protocol == Protocol::Resp3 {
            self.encoder.array(2);
        }
    }

    fn map(&mut self, count: usize) {
        self.encoder.map(count);
    }

    fn has_maps(&self) -> bool {
        self.encoder.protocol == Protocol::Resp3
    }

    fn set(&mut self, count: usize) {
        self.encoder.set(count);
    }

    fn double(&mut self, value: f64) {
        self.encoder.decimal(print_double(value, &mut [0; DOUBLE_BYTES_MAX]));
    }

    fn decimal(&mut self, text: &str) {
        self.encoder.decimal(text);
    }

    fn big_number(&mut self, digits: &str) {
        self.encoder.big_number(digits);
    }

    fn attributes(&mut self, count: usize) -> bool {
        self.encoder.attributes(count)
    }

    fn boolean(&mut self, value: bool) {
        self.encoder.boolean(value);
    }

    fn verbatim(&mut self, format: &str, bytes: &[u8]) {
        self.encoder.verbatim(format, bytes);
    }
}
