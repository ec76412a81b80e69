//! Owns values on their way to Lua: a flat list, heads before what they hold.

/// The names under which a table holds its one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// A status.
    Ok,
    /// An error.
    Err,
    /// A floating point number.
    Double,
    /// A table by keys.
    Map,
    /// A table whose keys are the members.
    Set,
}

impl Name {
    pub(crate) fn text(self) -> &'static [u8] {
        match self {
            Self::Ok => b"ok",
            Self::Err => b"err",
            Self::Double => b"double",
            Self::Map => b"map",
            Self::Set => b"set",
        }
    }
}

/// The next value. Texts lie in [`Values::bytes`], one behind the other; here is their length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Nil,
    /// A pointer to nothing.
    Null,
    Boolean(bool),
    Number(f64),
    Text(usize),
    /// A table of so many values that follow.
    Array(usize),
    /// A table of one value, which follows.
    Named(Name),
    /// A table of so many keys and values that follow in turn.
    Pairs(usize),
    /// A table whose keys are so many values that follow.
    Keys(usize),
}

/// One value, with all that is in it.
#[derive(Debug, Default)]
pub struct Values {
    pub(crate) list: Vec<Value>,
    pub(crate) bytes: Vec<u8>,
}

impl Values {
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.bytes.clear();
    }

    /// No value.
    pub fn nil(&mut self) {
        self.list.push(Value::Nil);
    }

    /// The value that stands for none where nil cannot, as JSON has it.
    pub fn null(&mut self) {
        self.list.push(Value::Null);
    }

    /// A truth value.
    pub fn boolean(&mut self, value: bool) {
        self.list.push(Value::Boolean(value));
    }

    /// A number.
    pub fn number(&mut self, value: f64) {
        self.list.push(Value::Number(value));
    }

    /// A string.
    pub fn text(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.list.push(Value::Text(bytes.len()));
    }

    /// More bytes of the string before.
    ///
    /// # Panics
    /// When there is none.
    pub fn more_text(&mut self, bytes: &[u8]) {
        let Some(Value::Text(length)) = self.list.last_mut() else {
            panic!("there is no string before these {} bytes", bytes.len());
        };
        *length += bytes.len();
        self.bytes.extend_from_slice(bytes);
    }

    /// The head of a table of `count` values that follow.
    pub fn array(&mut self, count: usize) {
        self.list.push(Value::Array(count));
    }

    /// How many values and heads of tables there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.list.len()
    }

    /// The head of a table that [`Values::end_array`] or [`Values::end_pairs`] ends, by the place that this gives.
    pub fn begin(&mut self) -> usize {
        self.list.push(Value::Array(0));
        self.list.len() - 1
    }

    /// The table that was begun there has got `count` values.
    pub fn end_array(&mut self, begun: usize, count: usize) {
        self.list[begun] = Value::Array(count);
    }

    /// The table that was begun there has got `count` keys and values.
    pub fn end_pairs(&mut self, begun: usize, count: usize) {
        self.list[begun] = Value::Pairs(count);
    }

    /// Makes the value in a machine.
    ///
    /// # Errors
    /// When there is no memory for it, or too many tables lie in each other.
    pub fn build(&self, lua: &mlua::Lua) -> mlua::Result<mlua::Value> {
        crate::walk::build(lua, self)
    }

    /// The head of a table that holds the value that follows under a name.
    pub fn named(&mut self, name: Name) {
        self.list.push(Value::Named(name));
    }

    /// The head of a table of `count` keys and values that follow in turn; what has no key is left out.
    pub fn pairs(&mut self, count: usize) {
        self.list.push(Value::Pairs(count));
    }

    /// The head of a table whose keys are the `count` values that follow.
    pub fn keys(&mut self, count: usize) {
        self.list.push(Value::Keys(count));
    }
}

/// Appends a number as it is handed to commands: whole ones without a point, others with 17 digits at most.
pub fn number_text(number: f64, out: &mut Vec<u8>) {
    use std::io::Write as _;
    #[expect(clippy::cast_possible_truncation, reason = "compared right after")]
    let whole = number as i64;
    #[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "equal exactly or not whole")]
    let is_whole = whole as f64 == number && number.abs() < 1e17;
    let written = if is_whole { write!(out, "{whole}") } else { write!(out, "{number}") };
    written.expect("a vector takes all bytes");
}
