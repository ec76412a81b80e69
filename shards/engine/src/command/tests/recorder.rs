//! Owns a writer that keeps replies as text: RESP2 without lengths and line ends, words separated by blanks.

use hyperion_model::ReplyWriter;
use hyperion_model::number::{DOUBLE_BYTES_MAX, print_double};

#[derive(Debug, Default)]
pub(super) struct Recorder {
    words: Vec<String>,
    /// The string whose pieces are coming, and what is left of it.
    begun: Option<(Vec<u8>, u64)>,
}

impl Recorder {
    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub(super) fn text(&self) -> String {
        assert!(self.begun.is_none(), "a string was begun and not ended");
        self.words.join(" ")
    }

    fn push(&mut self, word: String) {
        assert!(self.begun.is_none(), "{word} came in the middle of a string");
        self.words.push(word);
    }
}

impl ReplyWriter for Recorder {
    fn simple(&mut self, text: &str) {
        self.push(format!("+{text}"));
    }

    fn error(&mut self, text: &str) {
        self.push(format!("-{text}"));
    }

    fn integer(&mut self, value: i64) {
        self.push(format!(":{value}"));
    }

    fn bulk(&mut self, bytes: &[u8]) {
        self.push(format!("${}", bytes.escape_ascii()));
    }

    fn bulk_begin(&mut self, length_bytes: u64) {
        assert!(self.begun.is_none(), "a string was begun in a string");
        self.begun = Some((Vec::new(), length_bytes));
    }

    fn bulk_piece(&mut self, bytes: &[u8], last: bool) {
        let (mut text, left) = self.begun.take().expect("a string was begun");
        text.extend_from_slice(bytes);
        let left = left.checked_sub(bytes.len() as u64).expect("no longer than was said");
        assert_eq!(left == 0, last, "{left} bytes are left, last is {last}");
        if last {
            self.bulk(&text);
        } else {
            self.begun = Some((text, left));
        }
    }

    fn null(&mut self) {
        self.push("$-1".to_owned());
    }

    fn null_array(&mut self) {
        self.push("*-1".to_owned());
    }

    fn array(&mut self, count: usize) {
        self.push(format!("*{count}"));
    }

    fn map(&mut self, count: usize) {
        self.push(format!("*{}", count * 2));
    }

    fn set(&mut self, count: usize) {
        self.push(format!("*{count}"));
    }

    fn double(&mut self, value: f64) {
        self.push(format!("${}", print_double(value, &mut [0; DOUBLE_BYTES_MAX])));
    }

    fn boolean(&mut self, value: bool) {
        self.push(format!(":{}", i64::from(value)));
    }

    fn verbatim(&mut self, _format: &str, bytes: &[u8]) {
        self.bulk(bytes);
    }
}
