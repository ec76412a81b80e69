//! Random command lines against the simplest store there is: a map from keys to values and their end.

use super::stage::{START_MS, Stage};
use hyperion_model::number::parse_integer;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Set { key: u8, value: Vec<u8>, option: SetOption },
    Get(u8),
    GetSet(u8, Vec<u8>),
    GetDel(u8),
    GetEx { key: u8, ttl_ms: Option<u64> },
    Append(u8, Vec<u8>),
    SetRange { key: u8, offset: usize, value: Vec<u8> },
    GetRange { key: u8, start: i64, end: i64 },
    IncrementBy(u8, i64),
    Delete(Vec<u8>),
    Exists(Vec<u8>),
    MultiSet(Vec<(u8, Vec<u8>)>),
    MultiSetNx(Vec<(u8, Vec<u8>)>),
    Rename { from: u8, to: u8, if_free: bool },
    Copy { from: u8, to: u8, replaces: bool },
    Expire { key: u8, ttl_ms: i64 },
    Persist(u8),
    TimeToLive(u8),
    Flush,
    Keys,
}

#[derive(Clone, Copy, Debug)]
enum SetOption {
    None,
    IfAbsent,
    IfPresent,
    Keep,
    For(u64),
    Get,
}

fn key() -> impl Strategy<Value = u8> {
    0..8_u8
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => (-50..50_i64).prop_map(|number| number.to_string().into_bytes()),
        2 => proptest::collection::vec(any::<u8>(), 0..20),
        // Longer than a record takes in small segments.
        1 => (any::<u8>(), 5_000..20_000_usize).prop_map(|(byte, bytes)| vec![byte; bytes]),
    ]
}

fn pairs() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    proptest::collection::vec((key(), value()), 1..4)
}

fn step() -> impl Strategy<Value = Step> {
    let ttl_ms = || 1..400_u64;
    let option = prop_oneof![
        Just(SetOption::None),
        Just(SetOption::IfAbsent),
        Just(SetOption::IfPresent),
        Just(SetOption::Keep),
        Just(SetOption::Get),
        ttl_ms().prop_map(SetOption::For),
    ];
    let keys = || proptest::collection::vec(key(), 1..4);
    prop_oneof![
        (1..200_u64).prop_map(Step::Wait),
        (key(), value(), option).prop_map(|(key, value, option)| Step::Set { key, value, option }),
        key().prop_map(Step::Get),
        (key(), value()).prop_map(|(key, value)| Step::GetSet(key, value)),
        key().prop_map(Step::GetDel),
        (key(), proptest::option::of(ttl_ms()))
            .prop_map(|(key, ttl_ms)| Step::GetEx { key, ttl_ms }),
        (key(), value()).prop_map(|(key, value)| Step::Append(key, value)),
        (key(), 0..9_000_usize, value()).prop_map(|(key, offset, value)| Step::SetRange {
            key,
            offset,
            value
        }),
        (key(), -30..30_i64, -30..30_i64).prop_map(|(key, start, end)| Step::GetRange {
            key,
            start,
            end
        }),
        (key(), -100..100_i64).prop_map(|(key, by)| Step::IncrementBy(key, by)),
        keys().prop_map(Step::Delete),
        keys().prop_map(Step::Exists),
        pairs().prop_map(Step::MultiSet),
        pairs().prop_map(Step::MultiSetNx),
        (key(), key(), any::<bool>()).prop_map(|(from, to, if_free)| Step::Rename {
            from,
            to,
            if_free
        }),
        (key(), key(), any::<bool>()).prop_map(|(from, to, replaces)| Step::Copy {
            from,
            to,
            replaces
        }),
        (key(), -10..400_i64).prop_map(|(key, ttl_ms)| Step::Expire { key, ttl_ms }),
        key().prop_map(Step::Persist),
        key().prop_map(Step::TimeToLive),
        Just(Step::Flush),
        Just(Step::Keys),
    ]
}

/// The map, and the replies that it makes one expect.
struct Model {
    keys: BTreeMap<u8, (Vec<u8>, Option<u64>)>,
    now_ms: u64,
}

type Words = Vec<Vec<u8>>;

fn name(key: u8) -> Vec<u8> {
    vec![b'k', b'0' + key]
}

fn words(first: &str, rest: &[&[u8]]) -> Words {
    std::iter::once(first.as_bytes()).chain(rest.iter().copied()).map(<[u8]>::to_vec).collect()
}

fn bulk(value: Option<&[u8]>) -> String {
    value.map_or("$-1".to_owned(), |value| format!("${}", value.escape_ascii()))
}

impl Model {
    fn value(&self, key: u8) -> Option<Vec<u8>> {
        self.keys.get(&key).map(|(value, _)| value.clone())
    }

    fn end(&self, key: u8) -> Option<u64> {
        self.keys.get(&key).and_then(|&(_, end)| end)
    }

    fn put(&mut self, key: u8, value: Vec<u8>, end: Option<u64>) {
        self.keys.insert(key, (value, end));
    }

    /// The command line of a step, and the reply that is expected.
    fn apply(&mut self, step: &Step) -> (Words, String) {
        match step {
            Step::Wait(_) => unreachable!("the clock is moved outside"),
            Step::Set { key, value, option } => self.set(*key, value, *option),
            Step::Get(key) => (words("GET", &[&name(*key)]), bulk(self.value(*key).as_deref())),
            Step::GetSet(key, value) => {
                let old = self.value(*key);
                self.put(*key, value.clone(), None);
                (words("GETSET", &[&name(*key), value]), bulk(old.as_deref()))
            }
            Step::GetDel(key) => {
                let old = self.keys.remove(key).map(|(value, _)| value);
                (words("GETDEL", &[&name(*key)]), bulk(old.as_deref()))
            }
            Step::GetEx { key, ttl_ms } => {
                let end = ttl_ms.map(|ttl_ms| self.now_ms + ttl_ms);
                let value = self.keys.get_mut(key).map(|(value, old_end)| {
                    *old_end = end;
                    value.clone()
                });
                let line = match ttl_ms {
                    Some(ttl_ms) => {
                        words("GETEX", &[&name(*key), b"PX", ttl_ms.to_string().as_bytes()])
                    }
                    None => words("GETEX", &[&name(*key), b"PERSIST"]),
                };
                (line, bulk(value.as_deref()))
            }
            Step::Append(key, tail) => {
                let (value, _) = self.keys.entry(*key).or_default();
                value.extend_from_slice(tail);
                (words("APPEND", &[&name(*key), tail]), format!(":{}", value.len()))
            }
            Step::SetRange { key, offset, value } => {
                let line = words("SETRANGE", &[&name(*key), offset.to_string().as_bytes(), value]);
                if value.is_empty() {
                    let bytes = self.value(*key).map_or(0, |value| value.len());
                    return (line, format!(":{bytes}"));
                }
                let (old, _) = self.keys.entry(*key).or_default();
                old.resize(old.len().max(offset + value.len()), 0);
                old[*offset..offset + value.len()].copy_from_slice(value);
                (line, format!(":{}", old.len()))
            }
            Step::GetRange { key, start, end } => {
                let value = self.value(*key).unwrap_or_default();
                let length = value.len() as i64;
                let place = |at: i64| if at < 0 { at + length } else { at };
                let backward = *start < 0 && *end < 0 && start > end;
                let kept: Vec<u8> = (0..length)
                    .filter(|&at| !backward && at >= place(*start) && at <= place(*end).max(0))
                    .map(|at| value[usize::try_from(at).unwrap()])
                    .collect();
                let (start, end) = (start.to_string(), end.to_string());
                let line = words("GETRANGE", &[&name(*key), start.as_bytes(), end.as_bytes()]);
                (line, bulk(Some(&kept)))
            }
            Step::IncrementBy(key, by) => {
                let line = words("INCRBY", &[&name(*key), by.to_string().as_bytes()]);
                let Some(number) = parse_integer(&self.value(*key).unwrap_or(b"0".to_vec())) else {
                    return (line, "-ERR value is not an integer or out of range".to_owned());
                };
                let Some(sum) = number.checked_add(*by) else {
                    return (line, "-ERR increment or decrement would overflow".to_owned());
                };
                let end = self.end(*key);
                self.put(*key, sum.to_string().into_bytes(), end);
                (line, format!(":{sum}"))
            }
            Step::Delete(keys) => {
                let removed = keys.iter().filter(|key| self.keys.remove(key).is_some()).count();
                (self.line_of_keys("DEL", keys), format!(":{removed}"))
            }
            Step::Exists(keys) => {
                let count = keys.iter().filter(|key| self.keys.contains_key(key)).count();
                (self.line_of_keys("EXISTS", keys), format!(":{count}"))
            }
            Step::MultiSet(pairs) => {
                pairs.iter().for_each(|(key, value)| self.put(*key, value.clone(), None));
                (line_of_pairs("MSET", pairs), "+OK".to_owned())
            }
            Step::MultiSetNx(pairs) => {
                let is_free = pairs.iter().all(|(key, _)| !self.keys.contains_key(key));
                if is_free {
                    pairs.iter().for_each(|(key, value)| self.put(*key, value.clone(), None));
                }
                (line_of_pairs("MSETNX", pairs), format!(":{}", i64::from(is_free)))
            }
            Step::Rename { from, to, if_free } => self.rename(*from, *to, *if_free),
            Step::Copy { from, to, replaces } => self.copy(*from, *to, *replaces),
            Step::Expire { key, ttl_ms } => {
                let line = words("PEXPIRE", &[&name(*key), ttl_ms.to_string().as_bytes()]);
                let was_there = self.keys.contains_key(key);
                match u64::try_from(*ttl_ms) {
                    Ok(ttl_ms) if ttl_ms > 0 => {
                        let end = self.now_ms + ttl_ms;
                        self.keys.entry(*key).and_modify(|(_, old_end)| *old_end = Some(end));
                    }
                    _ => drop(self.keys.remove(key)),
                }
                (line, format!(":{}", i64::from(was_there)))
            }
            Step::Persist(key) => {
                let expired = self.keys.get_mut(key).and_then(|(_, end)| end.take());
                let reply = format!(":{}", i64::from(expired.is_some()));
                (words("PERSIST", &[&name(*key)]), reply)
            }
            Step::TimeToLive(key) => {
                let reply = match (self.keys.contains_key(key), self.end(*key)) {
                    (false, _) => ":-2".to_owned(),
                    (true, None) => ":-1".to_owned(),
                    (true, Some(end)) => format!(":{}", end - self.now_ms),
                };
                (words("PTTL", &[&name(*key)]), reply)
            }
            Step::Flush => {
                self.keys.clear();
                (words("FLUSHALL", &[]), "+OK".to_owned())
            }
            Step::Keys => {
                let names = self.keys.keys().map(|&key| bulk(Some(&name(key))));
                let reply = std::iter::once(format!("*{}", self.keys.len())).chain(names);
                (words("KEYS", &[b"*"]), reply.collect::<Vec<_>>().join(" "))
            }
        }
    }

    fn line_of_keys(&self, first: &str, keys: &[u8]) -> Words {
        let names: Words = keys.iter().map(|&key| name(key)).collect();
        words(first, &names.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    fn set(&mut self, key: u8, value: &[u8], option: SetOption) -> (Words, String) {
        let (line, old) = (name(key), self.value(key));
        let (option_words, end): (Words, _) = match option {
            SetOption::None => (vec![], None),
            SetOption::IfAbsent => (vec![b"NX".to_vec()], None),
            SetOption::IfPresent => (vec![b"XX".to_vec()], None),
            SetOption::Keep => (vec![b"KEEPTTL".to_vec()], self.end(key)),
            SetOption::Get => (vec![b"GET".to_vec()], None),
            SetOption::For(ttl_ms) => {
                (vec![b"PX".to_vec(), ttl_ms.to_string().into_bytes()], Some(self.now_ms + ttl_ms))
            }
        };
        let mut line = words("SET", &[&line, value]);
        line.extend(option_words);
        let is_refused = match option {
            SetOption::IfAbsent => old.is_some(),
            SetOption::IfPresent => old.is_none(),
            _ => false,
        };
        if is_refused {
            return (line, bulk(None));
        }
        self.put(key, value.to_vec(), end);
        let reply =
            if matches!(option, SetOption::Get) { bulk(old.as_deref()) } else { "+OK".to_owned() };
        (line, reply)
    }

    fn rename(&mut self, from: u8, to: u8, if_free: bool) -> (Words, String) {
        let line = words(if if_free { "RENAMENX" } else { "RENAME" }, &[&name(from), &name(to)]);
        let done = if if_free { ":1" } else { "+OK" };
        if !self.keys.contains_key(&from) {
            return (line, "-ERR no such key".to_owned());
        }
        if if_free && self.keys.contains_key(&to) {
            return (line, ":0".to_owned());
        }
        let moved = self.keys.remove(&from).unwrap();
        self.keys.insert(to, moved);
        (line, done.to_owned())
    }

    fn copy(&mut self, from: u8, to: u8, replaces: bool) -> (Words, String) {
        let mut line = words("COPY", &[&name(from), &name(to)]);
        if replaces {
            line.push(b"REPLACE".to_vec());
        }
        if from == to {
            return (line, "-ERR source and destination objects are the same".to_owned());
        }
        let copied = self.keys.get(&from).cloned();
        match copied.filter(|_| replaces || !self.keys.contains_key(&to)) {
            Some(copied) => {
                self.keys.insert(to, copied);
                (line, ":1".to_owned())
            }
            None => (line, ":0".to_owned()),
        }
    }
}

fn line_of_pairs(first: &str, pairs: &[(u8, Vec<u8>)]) -> Words {
    let mut line = words(first, &[]);
    for (key, value) in pairs {
        line.extend([name(*key), value.clone()]);
    }
    line
}

/// KEYS answers in the order of the index: sorted, it can be compared.
fn sorted(reply: &str) -> String {
    let mut words: Vec<&str> = reply.split(' ').collect();
    words[1..].sort_unstable();
    words.join(" ")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_store_is_as_a_map(steps in proptest::collection::vec(step(), 1..120), small in any::<bool>()) {
        let mut stage = if small { Stage::with_segments(64 << 10) } else { Stage::new() };
        let mut model = Model { keys: BTreeMap::new(), now_ms: START_MS };
        for (at, step) in steps.iter().enumerate() {
            if let Step::Wait(wait_ms) = step {
                stage.wait(*wait_ms);
                model.now_ms += wait_ms;
                let now_ms = model.now_ms;
                model.keys.retain(|_, (_, end)| end.is_none_or(|end| end > now_ms));
                continue;
            }
            let (line, expected) = model.apply(step);
            let line: Vec<&[u8]> = line.iter().map(Vec::as_slice).collect();
            let mut reply = stage.run_words(&line);
            if matches!(step, Step::Keys) {
                reply = sorted(&reply);
            }
            prop_assert!(reply == expected, "step {at} {step:?}: {reply:.200} instead of {expected:.200}");
        }
    }
}
