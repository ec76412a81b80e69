//! Owns what each command means to a client: how it changes the keys, and what it answers.

use std::collections::BTreeMap;

/// A key of the run, over all databases.
pub type KeyId = usize;
/// Names a value among [`Values`].
pub type ValueId = u32;

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// The value.
    pub value: ValueId,
    /// When it expires, Unix ms.
    pub expiry_ms: Option<u64>,
}

/// What every key holds. Shape: `[keys]`.
pub type State = Vec<Option<Held>>;

/// What of a state has not expired.
#[must_use]
pub fn unexpired(held: Option<Held>, now_ms: u64) -> Option<Held> {
    held.filter(|held| held.expiry_ms.is_none_or(|at_ms| at_ms > now_ms))
}

/// All values of a run, each once.
#[derive(Debug, Default)]
pub struct Values {
    bytes: Vec<Vec<u8>>,
    ids: BTreeMap<Vec<u8>, ValueId>,
}

impl Values {
    /// The name of a value.
    ///
    /// # Panics
    /// When a run has 2^32 values.
    pub fn id(&mut self, bytes: &[u8]) -> ValueId {
        if let Some(&id) = self.ids.get(bytes) {
            return id;
        }
        let id = ValueId::try_from(self.bytes.len()).expect("fewer than 2^32 values");
        self.bytes.push(bytes.to_vec());
        self.ids.insert(bytes.to_vec(), id);
        id
    }

    /// The value of a name.
    #[must_use]
    pub fn bytes(&self, id: ValueId) -> &[u8] {
        &self.bytes[id as usize]
    }
}

/// What a client was told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answer {
    /// `OK`.
    Ok,
    /// A number.
    Integer(i64),
    /// A value or none, one for each key that was asked for.
    Values(Vec<Option<ValueId>>),
    /// The value is no number.
    NotInteger,
    /// There is nothing to rename.
    NoSuchKey,
    /// It was not done: no room, no memory.
    Refused,
}

/// A command as a client means it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// GET
    Get(KeyId),
    /// SET, with PXAT when it expires.
    Set(KeyId, Held),
    /// DEL, of several keys too.
    Delete(Vec<KeyId>),
    /// INCR
    Increment(KeyId),
    /// APPEND
    Append(KeyId, ValueId),
    /// SETRANGE: key, offset, value
    SetRange(KeyId, usize, ValueId),
    /// PEXPIREAT
    ExpireAt(KeyId, u64),
    /// MSET
    SetAll(Vec<(KeyId, ValueId)>),
    /// MSETNX
    SetAllAbsent(Vec<(KeyId, ValueId)>),
    /// MGET
    GetAll(Vec<KeyId>),
    /// RENAME
    Rename(KeyId, KeyId),
    /// COPY: from, to, REPLACE
    Copy(KeyId, KeyId, bool),
    /// One core's part of FLUSHDB: these keys go.
    Flush(Vec<KeyId>),
    /// DBSIZE
    Count,
}

impl Operation {
    /// The keys that it reads or writes.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyId> {
        match self {
            Self::Get(key)
            | Self::Set(key, _)
            | Self::Increment(key)
            | Self::Append(key, _)
            | Self::SetRange(key, _, _)
            | Self::ExpireAt(key, _) => vec![*key],
            Self::Delete(keys) | Self::GetAll(keys) | Self::Flush(keys) => keys.clone(),
            Self::SetAll(pairs) | Self::SetAllAbsent(pairs) => {
                pairs.iter().map(|&(key, _)| key).collect()
            }
            Self::Rename(from, to) | Self::Copy(from, to, _) => vec![*from, *to],
            Self::Count => Vec::new(),
        }
    }

    /// What it may do to `state` when it takes effect between two times: a key that expires between them may be there or not.
    #[must_use]
    pub fn outcomes(
        &self,
        state: &State,
        values: &mut Values,
        from_ms: u64,
        to_ms: u64,
    ) -> Vec<(State, Answer)> {
        let mut starts = vec![state.clone()];
        for key in self.keys() {
            let Some(at_ms) = state[key].and_then(|held| held.expiry_ms) else { continue };
            if at_ms <= from_ms {
                starts.iter_mut().for_each(|start| start[key] = None);
            } else if at_ms <= to_ms {
                let mut gone = starts.clone();
                gone.iter_mut().for_each(|start| start[key] = None);
                starts.extend(gone);
            }
        }
        starts.sort_unstable();
        starts.dedup();
        starts
            .into_iter()
            .map(|mut start| {
                let answer = self.apply(&mut start, values);
                (start, answer)
            })
            .collect()
    }

    fn apply(&self, state: &mut State, values: &mut Values) -> Answer {
        match self {
            Self::Get(key) => Answer::Values(vec![state[*key].map(|held| held.value)]),
            Self::GetAll(keys) => {
                Answer::Values(keys.iter().map(|&key| state[key].map(|held| held.value)).collect())
            }
            Self::Set(key, held) => {
                state[*key] = Some(*held);
                Answer::Ok
            }
            Self::Delete(keys) => Answer::Integer(
                keys.iter().map(|&key| i64::from(state[key].take().is_some())).sum(),
            ),
            Self::Increment(key) => increment(&mut state[*key], values),
            Self::Append(key, tail) => {
                let mut whole =
                    state[*key].map_or(Vec::new(), |held| values.bytes(held.value).to_vec());
                whole.extend_from_slice(values.bytes(*tail));
                let expiry_ms = state[*key].and_then(|held| held.expiry_ms);
                state[*key] = Some(Held { value: values.id(&whole), expiry_ms });
                Answer::Integer(i64::try_from(whole.len()).unwrap_or(i64::MAX))
            }
            Self::SetRange(key, offset, value) => {
                let mut whole =
                    state[*key].map_or(Vec::new(), |held| values.bytes(held.value).to_vec());
                let bytes = values.bytes(*value);
                let end = offset + bytes.len();
                whole.resize(whole.len().max(end), 0);
                whole[*offset..end].copy_from_slice(bytes);
                let expiry_ms = state[*key].and_then(|held| held.expiry_ms);
                state[*key] = Some(Held { value: values.id(&whole), expiry_ms });
                Answer::Integer(i64::try_from(whole.len()).unwrap_or(i64::MAX))
            }
            Self::ExpireAt(key, at_ms) => match &mut state[*key] {
                Some(held) => {
                    held.expiry_ms = Some(*at_ms);
                    Answer::Integer(1)
                }
                None => Answer::Integer(0),
            },
            Self::SetAll(pairs) => {
                set_all(state, pairs);
                Answer::Ok
            }
            Self::SetAllAbsent(pairs) => {
                let is_free = pairs.iter().all(|&(key, _)| state[key].is_none());
                if is_free {
                    set_all(state, pairs);
                }
                Answer::Integer(i64::from(is_free))
            }
            Self::Rename(from, to) => match state[*from].take() {
                Some(held) => {
                    state[*to] = Some(held);
                    Answer::Ok
                }
                None => Answer::NoSuchKey,
            },
            Self::Copy(from, to, replaces) => {
                let copies = state[*from].is_some() && (*replaces || state[*to].is_none());
                if copies {
                    state[*to] = state[*from];
                }
                Answer::Integer(i64::from(copies))
            }
            Self::Flush(keys) => {
                keys.iter().for_each(|&key| state[key] = None);
                Answer::Ok
            }
            Self::Count => Answer::Ok,
        }
    }
}

fn set_all(state: &mut State, pairs: &[(KeyId, ValueId)]) {
    pairs.iter().for_each(|&(key, value)| state[key] = Some(Held { value, expiry_ms: None }));
}

fn increment(held: &mut Option<Held>, values: &mut Values) -> Answer {
    let before = match held {
        Some(held) => {
            let text = std::str::from_utf8(values.bytes(held.value)).unwrap_or_default();
            let Ok(number) = text.parse::<i64>() else { return Answer::NotInteger };
            number
        }
        None => 0,
    };
    let expiry_ms = held.and_then(|held| held.expiry_ms);
    *held = Some(Held { value: values.id((before + 1).to_string().as_bytes()), expiry_ms });
    Answer::Integer(before + 1)
}
