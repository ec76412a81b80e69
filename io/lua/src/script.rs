//! Owns what a script is to the gate: what runs, what it calls and who carries that out, and what it gives.

use mlua::{Function, Value};

use crate::values::Values;

/// Which function a script called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `call`: what fails is raised.
    Call,
    /// `pcall`: what fails is given.
    Pcall,
    /// `acl_check_cmd`; what fails is raised.
    Rights,
    /// `setresp`; what fails is raised.
    Protocol,
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The script gets the value.
    Given,
    /// The value is the table of an error.
    Failed,
    /// The script is to end: whatever it does next, it calls nothing any more.
    Halted,
}

/// Who carries out what a script calls.
pub trait Caller {
    /// Carries a call out. `words` are its arguments, numbers as text; `None`: one is neither a string nor a number. What it gives goes into
    /// `values`.
    fn call(&mut self, way: Way, words: Option<&[&[u8]]>, values: &mut Values) -> Outcome;

    /// Looks at the clock. Gives why the script is to be stopped, if it is.
    fn look(&mut self) -> Option<String>;
}

/// Where a script finds its keys and its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// Nowhere.
    Nowhere,
    /// In the globals `KEYS` and `ARGV`. Short ones are the same tables as those of the script before: nothing of that one may be there any more.
    Globals,
    /// In its arguments.
    Arguments,
}

/// A script that is to run.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    /// What runs.
    pub function: &'a Function,
    /// Its keys.
    pub keys: &'a [&'a [u8]],
    /// Its words.
    pub words: &'a [&'a [u8]],
    /// Where it finds them.
    pub place: Where,
}

/// What a script gave.
#[derive(Debug)]
pub enum Given {
    /// No value.
    Nil,
    /// A truth value.
    Boolean(bool),
    /// A number.
    Number(f64),
    /// A string, which was appended to the text.
    Text,
    /// A table that is a status, which was appended to the text.
    Status,
    /// What else there is.
    Other(Value),
    /// It failed with this.
    Failed(Value),
}
