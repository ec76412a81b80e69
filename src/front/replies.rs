//! Owns the joint between what commands answer and the codec of the client's protocol.

use hyperion_model::ReplyWriter;
use hyperion_wire::{Encoder, Protocol};

/// Writes replies into a buffer in one protocol.
pub(crate) struct Replies<'a>(Encoder<'a>);

impl<'a> Replies<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, protocol: Protocol) -> Self {
        Self(Encoder::new(out, protocol))
    }
}

impl ReplyWriter for Replies<'_> {
    #[inline]
    fn simple(&mut self, text: &str) {
        self.0.simple(text);
    }

    fn error(&mut self, text: &str) {
        self.0.error(text);
    }

    #[inline]
    fn integer(&mut self, value: i64) {
        self.0.integer(value);
    }

    #[inline]
    fn bulk(&mut self, bytes: &[u8]) {
        self.0.bulk(bytes);
    }

    fn bulk_begin(&mut self, length_bytes: u64) {
        self.0.bulk_header(length_bytes);
    }

    fn bulk_piece(&mut self, bytes: &[u8], last: bool) {
        self.0.raw(bytes);
        if last {
            self.0.crlf();
        }
    }

    #[inline]
    fn null(&mut self) {
        self.0.null();
    }

    fn null_array(&mut self) {
        self.0.null_array();
    }

    fn array(&mut self, count: usize) {
        self.0.array(count);
    }

    fn map(&mut self, count: usize) {
        self.0.map(count);
    }

    fn set(&mut self, count: usize) {
        self.0.set(count);
    }

    fn double(&mut self, value: f64) {
        self.0.double(value);
    }

    fn boolean(&mut self, value: bool) {
        self.0.boolean(value);
    }

    fn verbatim(&mut self, format: &str, bytes: &[u8]) {
        self.0.verbatim(format, bytes);
    }
}
