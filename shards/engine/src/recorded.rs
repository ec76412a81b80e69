//! Owns an answer that was worked out and is told later, in whatever protocol.

use hyperion_model::ReplyWriter;

/// The next words of an answer. Strings lie in `Recorded::bytes`, one behind the other; here is their length.
#[derive(Clone, Debug, PartialEq)]
enum Word {
    Simple(usize),
    Error(usize),
    Integer(i64),
    Bulk(usize),
    Null,
    NullArray,
    Array(usize),
    Map(usize),
    Pairs(usize, bool),
    Pair,
    Rows(usize),
    Row,
    Set(usize),
    Double(f64),
    Decimal(usize),
    BigNumber(usize),
    Boolean(bool),
    Verbatim(String, usize),
}

/// An answer of one command.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    words: Vec<Word>,
    bytes: Vec<u8>,
}

impl Recorded {
    /// An error line.
    #[must_use]
    pub fn failed(line: &str) -> Self {
        let mut recorded = Self::default();
        recorded.error(line);
        recorded
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.words.clear();
        self.bytes.clear();
    }

    /// Whether it is an error line.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self.words.first(), Some(Word::Error(_)))
    }

    /// The line, if it is an error.
    ///
    /// # Panics
    /// When it was written as something that is not UTF-8, which the writer's types rule out.
    #[must_use]
    pub fn error_line(&self) -> Option<&str> {
        let Some(Word::Error(bytes)) = self.words.first() else { return None };
        Some(std::str::from_utf8(&self.bytes[..*bytes]).expect("it was written as text"))
    }

    /// Bytes of what is in it.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.words.len() * size_of::<Word>()
    }

    /// How far it was written, for [`Recorded::cut`].
    pub(crate) fn mark(&self) -> (usize, usize) {
        (self.words.len(), self.bytes.len())
    }

    /// Forgets what was written behind a mark.
    pub(crate) fn cut(&mut self, (words, bytes): (usize, usize)) {
        self.words.truncate(words);
        self.bytes.truncate(bytes);
    }

    /// Whether it says that there is nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        matches!(self.words.first(), Some(Word::Null | Word::NullArray))
    }

    /// Bytes that it has memory for.
    #[must_use]
    pub fn room(&self) -> usize {
        self.bytes.capacity() + self.words.capacity() * size_of::<Word>()
    }

    /// Bytes that it takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len() + self.words.len() * size_of::<Word>()
    }

    /// Tells it.
    ///
    /// # Panics
    /// When a status or an error was written that is not UTF-8, which the writer's types rule out.
    pub fn write(&self, reply: &mut dyn ReplyWriter) {
        let mut rest = self.bytes.as_slice();
        let mut take = |bytes: usize| {
            let (taken, behind) = rest.split_at(bytes);
            rest = behind;
            taken
        };
        let text = |bytes| std::str::from_utf8(bytes).expect("it was written as text");
        for word in &self.words {
            match word {
                Word::Simple(bytes) => reply.simple(text(take(*bytes))),
                Word::Error(bytes) => reply.error(text(take(*bytes))),
                Word::Integer(value) => reply.integer(*value),
                Word::Bulk(bytes) => reply.bulk(take(*bytes)),
                Word::Null => reply.null(),
                Word::NullArray => reply.null_array(),
                Word::Array(count) => reply.array(*count),
                Word::Map(count) => reply.map(*count),
                Word::Pairs(count, are_pairs) => reply.pairs(*count, *are_pairs),
                Word::Pair => reply.pair(),
                Word::Rows(count) => reply.rows(*count),
                Word::Row => reply.row(),
                Word::Set(count) => reply.set(*count),
                Word::Double(value) => reply.double(*value),
                Word::Decimal(bytes) => reply.decimal(text(take(*bytes))),
                Word::BigNumber(bytes) => reply.big_number(text(take(*bytes))),
                Word::Boolean(value) => reply.boolean(*value),
                Word::Verbatim(format, bytes) => reply.verbatim(format, take(*bytes)),
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> usize {
        self.bytes.extend_from_slice(bytes);
        bytes.len()
    }
}

impl ReplyWriter for Recorded {
    fn simple(&mut self, text: &str) {
        let bytes = self.keep(text.as_bytes());
        self.words.push(Word::Simple(bytes));
    }

    fn error(&mut self, text: &str) {
        let bytes = self.keep(text.as_bytes());
        self.words.push(Word::Error(bytes));
    }

    fn integer(&mut self, value: i64) {
        self.words.push(Word::Integer(value));
    }

    fn bulk(&mut self, bytes: &[u8]) {
        let bytes = self.keep(bytes);
        self.words.push(Word::Bulk(bytes));
    }

    fn bulk_begin(&mut self, _: u64) {
        self.words.push(Word::Bulk(0));
    }

    fn bulk_piece(&mut self, bytes: &[u8], _: bool) {
        let more = self.keep(bytes);
        if let Some(Word::Bulk(bytes)) = self.words.last_mut() {
            *bytes += more;
        }
    }

    fn null(&mut self) {
        self.words.push(Word::Null);
    }

    fn null_array(&mut self) {
        self.words.push(Word::NullArray);
    }

    fn array(&mut self, count: usize) {
        self.words.push(Word::Array(count));
    }

    fn pairs(&mut self, count: usize, are_pairs: bool) {
        self.words.push(Word::Pairs(count, are_pairs));
    }

    fn pair(&mut self) {
        self.words.push(Word::Pair);
    }

    fn rows(&mut self, count: usize) {
        self.words.push(Word::Rows(count));
    }

    fn row(&mut self) {
        self.words.push(Word::Row);
    }

    fn map(&mut self, count: usize) {
        self.words.push(Word::Map(count));
    }

    fn set(&mut self, count: usize) {
        self.words.push(Word::Set(count));
    }

    fn double(&mut self, value: f64) {
        self.words.push(Word::Double(value));
    }

    fn decimal(&mut self, text: &str) {
        let bytes = self.keep(text.as_bytes());
        self.words.push(Word::Decimal(bytes));
    }

    fn big_number(&mut self, digits: &str) {
        let bytes = self.keep(digits.as_bytes());
        self.words.push(Word::BigNumber(bytes));
    }

    fn boolean(&mut self, value: bool) {
        self.words.push(Word::Boolean(value));
    }

    fn verbatim(&mut self, format: &str, bytes: &[u8]) {
        let bytes = self.keep(bytes);
        self.words.push(Word::Verbatim(format.to_owned(), bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_as_it_was_written() {
        let write = |reply: &mut dyn ReplyWriter| {
            reply.array(4);
            reply.map(1);
            reply.bulk(b"key");
            reply.rows(1);
            reply.row();
            reply.bulk(b"name");
            reply.set(2);
            reply.simple("OK");
            reply.error("ERR no");
            reply.integer(-7);
            reply.bulk_begin(5);
            reply.bulk_piece(b"ab", false);
            reply.bulk_piece(b"cde", true);
            reply.null();
            reply.null_array();
            reply.double(1.5);
            reply.boolean(true);
            reply.big_number("123");
            reply.verbatim("txt", b"said");
            assert!(!reply.bulk_later(9, 1, 0), "nothing is brought later");
        };
        let (mut once, mut twice) = (Recorded::default(), Recorded::default());
        write(&mut once);
        once.write(&mut twice);
        assert_eq!(once, twice);
        let mut again = Recorded::default();
        again.array(3);
        assert_ne!(once, again);
        assert!(!once.is_error() && Recorded::failed("ERR no").is_error());
        assert_eq!(Recorded::failed("ERR no").error_line(), Some("ERR no"));
        let mark = again.mark();
        again.bulk(b"more");
        again.cut(mark);
        twice.clear();
        twice.array(3);
        assert_eq!(again, twice);
        once.clear();
        assert_eq!(once, Recorded::default());
    }
}
