//! Owns what each command over several cores locks, wants to know, writes and answers.

use crate::command::{CommandError, Spread, copy_options};
use crate::effect::{Answer, OwnedWrite, Want, Wanted};
use crate::events::KeyEvent;
use crate::lock::LockKey;
use hyperion_model::DatabaseId;
use hyperion_model::limits::KEY_BYTES_MAX;
use hyperion_store::{Form, OwnedContent};

/// A command's keys and what it does with them.
#[derive(Debug)]
pub(crate) struct Shape {
    spread: Spread,
    /// The values of MSET and MSETNX, by key.
    values: Vec<Vec<u8>>,
    /// COPY's REPLACE.
    replace: bool,
    /// Index into the keys for each key that the command names; a key that is named twice has one entry among the keys.
    named: Vec<usize>,
}

/// What is to be done once everything is locked and known.
pub(crate) struct Verdict {
    pub(crate) writes: Vec<OwnedWrite>,
    pub(crate) answer: Answer,
    /// What is told of it once it is decided.
    pub(crate) events: Vec<KeyEvent>,
}

impl Shape {
    /// Takes a command apart: its shape and its keys, each once.
    pub(crate) fn new(
        spread: Spread,
        database: DatabaseId,
        mut arguments: Vec<Vec<u8>>,
    ) -> Result<(Self, Vec<LockKey>), CommandError> {
        let mut shape = Self { spread, values: Vec::new(), replace: false, named: Vec::new() };
        let mut names: Vec<LockKey> = Vec::new();
        match spread {
            Spread::Mset | Spread::Msetnx => {
                if arguments.len().is_multiple_of(2) {
                    let name = if spread == Spread::Mset { "mset" } else { "msetnx" };
                    return Err(CommandError::WrongArity(name));
                }
                for pair in arguments[1..].as_chunks_mut::<2>().0 {
                    names.push((database, std::mem::take(&mut pair[0])));
                    shape.values.push(std::mem::take(&mut pair[1]));
                }
            }
            Spread::Delete | Spread::Count | Spread::Touch | Spread::Mget => {
                names.extend(arguments.drain(1..).map(|key| (database, key)));
            }
            Spread::Collect | Spread::Any => return Err(CommandError::OverCores),
            Spread::Rename | Spread::RenameNx | Spread::Copy => {
                let mut target = database;
                if spread == Spread::Copy {
                    let slices: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
                    (target, shape.replace) = copy_options(&slices, database)?;
                }
                names.push((database, std::mem::take(&mut arguments[1])));
                names.push((target, std::mem::take(&mut arguments[2])));
            }
        }
        if let Some((_, key)) = names.iter().find(|(_, key)| key.len() > KEY_BYTES_MAX) {
            return Err(CommandError::KeyTooLong { bytes: key.len() });
        }
        let mut keys = names.clone();
        keys.sort_unstable();
        keys.dedup();
        shape.named = names.iter().filter_map(|name| keys.binary_search(name).ok()).collect();
        Ok((shape, keys))
    }

    pub(crate) fn spread(&self) -> Spread {
        self.spread
    }

    pub(crate) fn want(&self) -> Want {
        match self.spread {
            Spread::Mset => Want::Nothing,
            Spread::Delete | Spread::Count => Want::Presence,
            Spread::Msetnx | Spread::Touch => Want::Use,
            Spread::Mget | Spread::Rename | Spread::RenameNx | Spread::Copy => Want::Value,
            Spread::Collect | Spread::Any => Want::Whole,
        }
    }

    pub(crate) fn may_write(&self) -> bool {
        !matches!(self.spread, Spread::Count | Spread::Touch | Spread::Mget)
    }

    /// Decides, all keys locked. `found` is by key.
    pub(crate) fn decide(&mut self, keys: &[LockKey], found: &mut [Option<Wanted>]) -> Verdict {
        let read_only = |answer| Verdict { writes: Vec::new(), answer, events: Vec::new() };
        let gone = |key: &LockKey| OwnedWrite {
            database: key.0,
            key: key.1.clone(),
            value: None,
            expiry_ms: None,
        };
        match self.spread {
            Spread::Msetnx if found.iter().any(Option::is_some) => read_only(Answer::Integer(0)),
            Spread::Mset | Spread::Msetnx => {
                let mut last: Vec<Option<Vec<u8>>> = vec![None; keys.len()];
                for (&key, value) in self.named.iter().zip(self.values.drain(..)) {
                    last[key] = Some(value);
                }
                let set = |(key, value): (&LockKey, Option<Vec<u8>>)| OwnedWrite {
                    database: key.0,
                    key: key.1.clone(),
                    value: Some(OwnedContent::string(value.unwrap_or_default())),
                    expiry_ms: None,
                };
                let writes = keys.iter().zip(last).map(set).collect();
                let answer =
                    if self.spread == Spread::Mset { Answer::Ok } else { Answer::Integer(1) };
                Verdict { writes, answer, events: Vec::new() }
            }
            Spread::Count | Spread::Touch => {
                let count = self.named.iter().filter(|&&key| found[key].is_some()).count();
                read_only(Answer::Integer(i64::try_from(count).unwrap_or(i64::MAX)))
            }
            Spread::Delete => {
                let writes: Vec<OwnedWrite> = keys
                    .iter()
                    .zip(found.iter())
                    .filter(|(_, found)| found.is_some())
                    .map(|(key, _)| gone(key))
                    .collect();
                let answer = Answer::Integer(i64::try_from(writes.len()).unwrap_or(i64::MAX));
                Verdict { writes, answer, events: Vec::new() }
            }
            Spread::Mget => {
                let string = |wanted: &Wanted| {
                    let is_string = wanted.value.form == Form::String;
                    is_string.then(|| wanted.value.bytes.clone())
                };
                let value = |&key: &usize| found[key].as_ref().and_then(string);
                read_only(Answer::Values(self.named.iter().map(value).collect()))
            }
            Spread::Collect | Spread::Any => {
                read_only(Answer::Error(CommandError::OverCores.to_string()))
            }
            Spread::Rename | Spread::RenameNx | Spread::Copy => {
                let (source, target) = (self.named[0], self.named[1]);
                let is_taken = found[target].is_some();
                let Some(wanted) = found[source].take() else {
                    return read_only(match self.spread {
                        Spread::Copy => Answer::Integer(0),
                        _ => Answer::Error(CommandError::NoSuchKey.to_string()),
                    });
                };
                let refused = match self.spread {
                    Spread::RenameNx => is_taken,
                    Spread::Copy => is_taken && !self.replace,
                    _ => false,
                };
                if refused {
                    return read_only(Answer::Integer(0));
                }
                let mut writes = vec![OwnedWrite {
                    database: keys[target].0,
                    key: keys[target].1.clone(),
                    value: Some(wanted.value),
                    expiry_ms: wanted.expiry_ms,
                }];
                if self.spread != Spread::Copy {
                    writes.push(gone(&keys[source]));
                }
                let answer =
                    if self.spread == Spread::Rename { Answer::Ok } else { Answer::Integer(1) };
                Verdict { writes, answer, events: Vec::new() }
            }
        }
    }
}
