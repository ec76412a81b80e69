//! Owns answers that nobody reads: for benches and examples.

use crate::reply::ReplyWriter;

/// Counts answers and keeps none of them.
#[derive(Debug, Default)]
pub struct Counted {
    /// Statuses, numbers and strings.
    pub answers: u64,
    /// The last error; empty as long as there was none.
    pub error: String,
}

impl ReplyWriter for Counted {
    fn simple(&mut self, _: &str) {
        self.answers += 1;
    }
    fn error(&mut self, text: &str) {
        text.clone_into(&mut self.error);
    }
    fn integer(&mut self, _: i64) {
        self.answers += 1;
    }
    fn bulk(&mut self, _: &[u8]) {
        self.answers += 1;
    }
    fn bulk_begin(&mut self, _: u64) {
        self.answers += 1;
    }
    fn bulk_piece(&mut self, _: &[u8], _: bool) {}
    fn null(&mut self) {}
    fn null_array(&mut self) {}
    fn array(&mut self, _: usize) {}
    fn map(&mut self, _: usize) {}
    fn set(&mut self, _: usize) {}
    fn double(&mut self, _: f64) {}
    fn boolean(&mut self, _: bool) {}
    fn verbatim(&mut self, _: &str, _: &[u8]) {}
}
