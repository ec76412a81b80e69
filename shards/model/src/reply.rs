//! Owns the seam between commands and protocols: what a command answers, whatever the client speaks.

/// Takes the pieces of one reply in order. The front implements it with the codec of the client's protocol.
pub trait ReplyWriter {
    /// A status word, such as `OK`.
    fn simple(&mut self, text: &str);
    /// An error; the first word is its code, such as `ERR` or `WRONGTYPE`.
    fn error(&mut self, text: &str);
    /// A signed integer.
    fn integer(&mut self, value: i64);
    /// A string of bytes.
    fn bulk(&mut self, bytes: &[u8]);
    /// A string of `length_bytes` bytes that follow in [`ReplyWriter::bulk_piece`] calls.
    fn bulk_begin(&mut self, length_bytes: u64);
    /// The next bytes of a string that was begun; `last` ends it.
    fn bulk_piece(&mut self, bytes: &[u8], last: bool);
    /// Offers `length_bytes` bytes of a string from `from` on, to be brought later, in parts, by who knows the handle. `false`: write it
    /// now. Nothing may follow it in the reply.
    fn bulk_later(&mut self, length_bytes: u64, handle: u64, from: u64) -> bool {
        let _ = (length_bytes, handle, from);
        false
    }
    /// No value.
    fn null(&mut self);
    /// No array (differs from [`ReplyWriter::null`] in RESP2).
    fn null_array(&mut self);
    /// The head of an array of `count` replies that follow.
    fn array(&mut self, count: usize);
    /// The head of `count` pairs in an order, or single replies without `are_pairs`: in RESP2 one array of all words, in RESP3 an array of
    /// arrays, each begun by [`ReplyWriter::pair`].
    fn pairs(&mut self, count: usize, are_pairs: bool) {
        self.array(if are_pairs { 2 * count } else { count });
    }
    /// The head of the next of [`ReplyWriter::pairs`]: nothing in RESP2.
    fn pair(&mut self) {}
    /// The head of `count` rows, each a name and what it has: in RESP2 an array of arrays of two, in RESP3 a map.
    fn rows(&mut self, count: usize) {
        if self.has_maps() {
            self.map(count);
        } else {
            self.array(count);
        }
    }
    /// The head of the next of [`ReplyWriter::rows`]: nothing in RESP3.
    fn row(&mut self) {
        if !self.has_maps() {
            self.array(2);
        }
    }
    /// The head of a map of `count` pairs that follow.
    fn map(&mut self, count: usize);
    /// Whether maps are told from arrays: for answers of another shape where they are not.
    fn has_maps(&self) -> bool {
        false
    }
    /// The head of a set of `count` replies that follow.
    fn set(&mut self, count: usize);
    /// A floating point number.
    fn double(&mut self, value: f64);
    /// A number that is printed already: a string in RESP2, a floating point number in RESP3.
    fn decimal(&mut self, text: &str) {
        self.bulk(text.as_bytes());
    }
    /// A truth value.
    fn boolean(&mut self, value: bool);
    /// An integer of any size, in decimal.
    fn big_number(&mut self, digits: &str) {
        self.bulk(digits.as_bytes());
    }
    /// The head of `count` pairs about the reply that follows them. `false`: there are none in this protocol, and they must be left out.
    fn attributes(&mut self, count: usize) -> bool {
        let _ = count;
        false
    }
    /// Text for people, three letters of format (`txt`, `mkd`) and the bytes.
    fn verbatim(&mut self, format: &str, bytes: &[u8]);
}
