//! Owns the parts of an answer that is told in several.

use hyperion_model::ReplyWriter;
use hyperion_store::Value;

/// The next words of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// `OK`.
    Ok,
    /// A number.
    Integer(i64),
    /// An error line, its code first.
    Error(String),
    /// So many values follow.
    Array(usize),
    /// No value.
    Null,
    /// A value of so many bytes begins.
    Begin(usize),
    /// So many bytes of it; with the last ones it ends.
    Piece(usize, bool),
}

/// A part of an answer.
#[derive(Debug, Default)]
pub struct Told {
    items: Vec<Item>,
    bytes: Vec<u8>,
}

impl Told {
    pub(crate) fn one(item: Item) -> Self {
        Self { items: vec![item], bytes: Vec::new() }
    }

    /// Bytes of values in it, and roundly of what stands between.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a value from `from` on, `bytes_max` bytes of it at most. Gives where it goes on; 0: it does not.
    pub(crate) fn value(
        &mut self,
        value: Option<Value<'_>>,
        from: usize,
        bytes_max: usize,
    ) -> usize {
        let Some(value) = value else {
            self.items.push(Item::Null);
            return 0;
        };
        if from == 0 {
            self.items.push(Item::Begin(value.len()));
        }
        let end = value.len().min(from.saturating_add(bytes_max));
        let is_last = end == value.len();
        value.copy_range(from, end, &mut self.bytes);
        self.items.push(Item::Piece(end - from, is_last));
        if is_last { 0 } else { end }
    }

    /// Writes it behind the parts before.
    pub fn write(&self, reply: &mut dyn ReplyWriter) {
        let mut rest = self.bytes.as_slice();
        for item in &self.items {
            match item {
                Item::Ok => reply.simple("OK"),
                Item::Integer(value) => reply.integer(*value),
                Item::Error(line) => reply.error(line),
                Item::Array(count) => reply.array(*count),
                Item::Null => reply.null(),
                Item::Begin(bytes) => reply.bulk_begin(*bytes as u64),
                Item::Piece(bytes, is_last) => {
                    let (piece, behind) = rest.split_at(*bytes);
                    reply.bulk_piece(piece, *is_last);
                    rest = behind;
                }
            }
        }
    }
}
