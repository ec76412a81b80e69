//! Owns values of any type outside of a store: as they travel from one to another, and as they are prepared.

use crate::database::{Found, Key, Value};
use crate::error::StoreError;
use crate::object::{HEAD_BYTES, Head, ValueType, cut};
use crate::record::Kind;
use crate::replicated::{join_chunks, read_chunks};
use crate::store::Store;

/// How a value lies in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A string, whether in one record or in chunks: its bytes.
    #[default]
    String,
    /// Another type in one record: the type, then its bytes.
    Packed,
    /// Another type in chunks: the type, then each chunk: length u32, bytes.
    Chunked,
}

/// A value of any type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content<'a> {
    /// How it lies.
    pub form: Form,
    /// What that says.
    pub bytes: &'a [u8],
}

/// A value of any type that nobody else has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnedContent {
    /// How it lies.
    pub form: Form,
    /// What that says.
    pub bytes: Vec<u8>,
}

impl<'a> Content<'a> {
    /// A string.
    #[must_use]
    pub fn string(bytes: &'a [u8]) -> Self {
        Self { form: Form::String, bytes }
    }

    /// What the value is.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self.form {
            Form::String => ValueType::STRING,
            Form::Packed | Form::Chunked => {
                ValueType(self.bytes.first().copied().unwrap_or_default())
            }
        }
    }

    /// Whether the bytes are what the form says, in chunks that a store of `chunk_bytes_max` takes.
    #[must_use]
    pub fn is_sound(&self, chunk_bytes_max: usize) -> bool {
        match self.form {
            Form::String => true,
            Form::Packed => !self.bytes.is_empty(),
            Form::Chunked => read_chunks(self.bytes).is_some_and(|(_, chunks)| {
                chunks.iter().flatten().all(|chunk| chunk.len() <= chunk_bytes_max)
            }),
        }
    }
}

impl OwnedContent {
    /// A string.
    #[must_use]
    pub fn string(bytes: Vec<u8>) -> Self {
        Self { form: Form::String, bytes }
    }

    /// It, to be looked at.
    #[must_use]
    pub fn as_ref(&self) -> Content<'_> {
        Content { form: self.form, bytes: &self.bytes }
    }
}

impl Store {
    /// Takes the value of a key that was just found.
    #[must_use]
    pub fn content(&self, found: &Found) -> OwnedContent {
        let (value, value_type) = (self.value(found), self.value_type(found));
        if let Value::Pieces(_) = value
            && value_type != ValueType::STRING
        {
            let bytes = join_chunks(value_type.0, value.pieces());
            return OwnedContent { form: Form::Chunked, bytes };
        }
        let is_packed = self.log.record(found.location).kind == Kind::Packed;
        let form = if is_packed { Form::Packed } else { Form::String };
        let mut bytes = Vec::with_capacity(value.len() + usize::from(is_packed));
        if is_packed {
            bytes.push(value_type.0);
        }
        value.copy_range(0, value.len(), &mut bytes);
        OwnedContent { form, bytes }
    }

    /// Sets a key to a value of any type, whatever it was before.
    ///
    /// # Errors
    /// When there is no room, or there are too many chunks; then nothing has changed.
    ///
    /// # Panics
    /// When the value is not [sound](Content::is_sound).
    pub fn put_content(
        &mut self,
        key: &Key<'_>,
        content: Content<'_>,
        expiry_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let value_type = content.value_type();
        match content.form {
            Form::String => self.put(key, &[content.bytes], expiry_ms),
            Form::Packed => self.put_packed(key, value_type, &[&content.bytes[1..]], expiry_ms),
            Form::Chunked => {
                let (_, chunks) = read_chunks(content.bytes).expect("it is sound");
                self.put_object(key, value_type, &chunks, expiry_ms)
            }
        }
    }

    /// Bytes of the record that a value is told by.
    pub(crate) fn record_bytes_of(&self, content: Option<Content<'_>>) -> usize {
        match content {
            None => 0,
            Some(Content { form: Form::Chunked, .. }) => HEAD_BYTES,
            Some(Content { form: Form::String, bytes }) if self.is_offered(bytes) => HEAD_BYTES,
            Some(Content { form: Form::String, bytes }) => {
                bytes.len().min(self.log.record_value_bytes_max())
            }
            Some(Content { form: Form::Packed, bytes }) => bytes.len(),
        }
    }

    /// Whether a value does not lie in the record that it is told by.
    pub(crate) fn lies_in_chunks(&self, content: Content<'_>) -> bool {
        match content.form {
            Form::String => {
                let inline_max = self.log.record_value_bytes_max();
                content.bytes.len() > inline_max || self.is_offered(content.bytes)
            }
            Form::Packed => false,
            Form::Chunked => true,
        }
    }

    /// Writes the chunks of a value that does not lie in one record, or takes those that were written ahead.
    pub(crate) fn write_chunks_of(
        &mut self,
        content: Content<'_>,
    ) -> Result<Option<Head>, StoreError> {
        let (value_type, chunks) = match content.form {
            Form::Packed => return Ok(None),
            Form::String => {
                if let Some(head) = self.take_staged(&[content.bytes]) {
                    return Ok(Some(head));
                }
                if content.bytes.len() <= self.log.record_value_bytes_max() {
                    return Ok(None);
                }
                let max = self.log.chunk_bytes_max();
                (ValueType::STRING, cut(&[content.bytes], max, max))
            }
            Form::Chunked => {
                let (value_type, chunks) = read_chunks(content.bytes).expect("it is sound");
                (ValueType(value_type), chunks)
            }
        };
        self.objects.create(&mut self.log, value_type, &chunks).map(Some)
    }
}
