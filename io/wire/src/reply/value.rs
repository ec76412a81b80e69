//! One reply as a value, read from bytes whose shape was checked before.

use super::ReplyError;
use crate::number::parse_i64;

/// A reply of any type of RESP2 and RESP3. Both forms of null are [`Reply::Null`], both forms of
/// error are [`Reply::Error`].
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// `+`
    Simple(Vec<u8>),
    /// `-` and `!`, code and text
    Error(Vec<u8>),
    /// `:`
    Integer(i64),
    /// `$`
    Bulk(Vec<u8>),
    /// `_`, `$-1`, `*-1`
    Null,
    /// `*`
    Array(Vec<Reply>),
    /// `%`, in the order sent
    Map(Vec<(Reply, Reply)>),
    /// `~`, in the order sent
    Set(Vec<Reply>),
    /// `>`
    Push(Vec<Reply>),
    /// `,`
    Double(f64),
    /// `#`
    Boolean(bool),
    /// `=`
    Verbatim {
        /// Three letters, `txt` most often.
        format: [u8; 3],
        /// The text without the format.
        text: Vec<u8>,
    },
    /// `(`, decimal digits with an optional sign
    BigNumber(Vec<u8>),
    /// `|` and the reply that it precedes; attributes in a row are one list
    Attributed {
        /// What is said about the reply.
        attributes: Vec<(Reply, Reply)>,
        /// The reply itself.
        reply: Box<Reply>,
    },
}

/// Reads values off a reply that is there whole, and whose lengths and depth were checked.
pub(super) struct Reader<'a> {
    pub(super) input: &'a [u8],
    pub(super) position: usize,
}

impl Reader<'_> {
    /// Reads one value with the attributes before it. Recursion is bounded because the depth was
    /// checked; attributes in a row are taken in a loop and become one list, or any number of them
    /// could be nested.
    pub(super) fn value(&mut self) -> Result<Reply, ReplyError> {
        let mut attributes = None;
        while self.input.get(self.position) == Some(&b'|') {
            let count = parse_i64(self.line()?);
            let pairs = self.pairs(count)?;
            attributes.get_or_insert_with(Vec::new).extend(pairs);
        }
        let reply = self.plain_value()?;
        Ok(match attributes {
            None => reply,
            Some(attributes) => Reply::Attributed { attributes, reply: Box::new(reply) },
        })
    }

    fn plain_value(&mut self) -> Result<Reply, ReplyError> {
        let start = self.position;
        let malformed = ReplyError::Malformed { offset: start };
        let marker = *self.input.get(start).ok_or(malformed)?;
        let line = self.line()?;
        let text = line.to_vec();
        let count = parse_i64(&text);
        Ok(match marker {
            b'+' => Reply::Simple(text),
            b'-' => Reply::Error(text),
            b':' => Reply::Integer(count.ok_or(malformed)?),
            b'_' => Reply::Null,
            b'$' | b'*' if count == Some(-1) => Reply::Null,
            b'$' => Reply::Bulk(self.body(count)?),
            b'!' => Reply::Error(self.body(count)?),
            b'=' => {
                let body = self.body(count)?;
                let [a, b, c, b':', text @ ..] = body.as_slice() else { return Err(malformed) };
                Reply::Verbatim { format: [*a, *b, *c], text: text.to_vec() }
            }
            b'*' => Reply::Array(self.values(count)?),
            b'~' => Reply::Set(self.values(count)?),
            b'>' => Reply::Push(self.values(count)?),
            b'%' => Reply::Map(self.pairs(count)?),
            b',' => Reply::Double(double(&text).ok_or(malformed)?),
            b'#' => Reply::Boolean(match text.as_slice() {
                b"t" => true,
                b"f" => false,
                _ => return Err(malformed),
            }),
            b'(' => Reply::BigNumber(big_number(text).ok_or(malformed)?),
            got => return Err(ReplyError::UnknownType { got, offset: start }),
        })
    }

    /// Takes the line after the type byte, without its end.
    fn line(&mut self) -> Result<&[u8], ReplyError> {
        let start = self.position + 1;
        let malformed = ReplyError::Malformed { offset: start };
        let rest = self.input.get(start..).ok_or(malformed)?;
        let length = rest.iter().position(|&byte| byte == b'\r').ok_or(malformed)?;
        self.position = start + length + 2;
        rest.get(..length).ok_or(malformed)
    }

    fn body(&mut self, length: Option<i64>) -> Result<Vec<u8>, ReplyError> {
        let start = self.position;
        let malformed = ReplyError::Malformed { offset: start };
        let length = usize::try_from(length.ok_or(malformed)?).map_err(|_| malformed)?;
        let body = self.input.get(start..start + length).ok_or(malformed)?.to_vec();
        self.position = start + length + 2;
        Ok(body)
    }

    fn values(&mut self, count: Option<i64>) -> Result<Vec<Reply>, ReplyError> {
        (0..count.unwrap_or_default()).map(|_| self.value()).collect()
    }

    fn pairs(&mut self, count: Option<i64>) -> Result<Vec<(Reply, Reply)>, ReplyError> {
        (0..count.unwrap_or_default()).map(|_| Ok((self.value()?, self.value()?))).collect()
    }
}

fn double(text: &[u8]) -> Option<f64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn big_number(text: Vec<u8>) -> Option<Vec<u8>> {
    let digits = text.strip_prefix(b"-").unwrap_or(&text);
    let digits = digits.strip_prefix(b"+").unwrap_or(digits);
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(text)
}
