//! Owns what clients do: each sends one command after the other, and believes what it is told.

use super::{Busy, Command, DATABASES, KEYS, Schedule, SpreadWrite, Violation, World};
use crate::history::{Answer, Held, KeyId, Operation, ValueId};
use crate::random::mix;
use crate::replies::{self, Word};
use hyperion_engine::command::{Run, find};
use hyperion_engine::{Queued, Request, Route, Ticket, Unit, key_slot};
use hyperion_model::DatabaseId;

impl World {
    /// A client that waits for nothing sends a command.
    pub(super) fn act(&mut self) -> Result<(), Violation> {
        let client = self.random.index(self.clients.len());
        if self.clients[client].busy.is_some() {
            return Ok(());
        }
        let database = DatabaseId(u8::from(self.random.chance(300)));
        let operation = self.any_operation(database);
        let words = self.words(&operation);
        self.send(client, database, operation, words)
    }

    fn send(
        &mut self,
        client: usize,
        database: DatabaseId,
        operation: Operation,
        words: Vec<Vec<u8>>,
    ) -> Result<(), Violation> {
        self.note(
            words.iter().flatten().fold(client as u64, |sum, &byte| mix(sum ^ u64::from(byte))),
        );
        let home = self.clients[client].home;
        let spec = find(&words[0]).ok_or("the command is not in the table")?;
        let arguments: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let slot = key_slot(spec, &arguments);
        let request = Request {
            spec,
            database,
            arguments: &arguments,
            own_core_only: false,
            from_replica: false,
            blocking: hyperion_engine::command::Blocking::Never,
            slot,
            client: (0, client as u64),
        };
        let route = self.cores[home].engine.route(&request);
        let (keys, pairs) = (operation.keys(), pairs_of(&operation));
        let numbers = match operation {
            Operation::Count => Vec::new(),
            Operation::Flush(keys) => {
                self.flushed[usize::from(database.0)] = true;
                self.call_flush(&keys)
            }
            operation => vec![self.checker.call(operation, self.now_ms)],
        };
        let is_spread = route == Route::Spread;
        self.clients[client].busy = Some(Busy { numbers, is_spread });
        let ticket = Ticket(client as u64);
        match (route, spec.run) {
            (Route::Here, _) => {
                self.run_command(home, Command { client, database, words })?;
                return self.settle_core(home, false);
            }
            (Route::There(core), _) => {
                let command = super::Message::Command(Command { client, database, words });
                self.post(home, usize::from(core.0), command);
                return Ok(());
            }
            (Route::Spread, _) => {
                self.spreads.push(SpreadWrite { keys, pairs });
                self.cores[home].engine.begin_turn(self.now_ms);
                let engine = &mut self.cores[home].engine;
                // Every other one as a transaction of a client, which runs it on copies.
                if ticket.0.is_multiple_of(2) {
                    engine.begin_spread(ticket, spec, database, words);
                } else {
                    let commands = vec![Queued { spec, database, arguments: words }];
                    engine.begin_unit(ticket, Unit { commands, ..Unit::default() });
                }
            }
            (Route::Everywhere, Run::Every(gather)) => {
                self.cores[home].engine.begin_turn(self.now_ms);
                self.cores[home].engine.begin_gather(ticket, gather, database, &words);
            }
            (route, _) => return Err(format!("{route:?} is no way for {}", spec.name)),
        }
        self.settle_core(home, true)
    }

    /// FLUSHDB is one change on each core.
    fn call_flush(&mut self, keys: &[KeyId]) -> Vec<u64> {
        (0..usize::from(self.count))
            .map(|core| {
                let own = keys.iter().copied().filter(|&key| self.owner(key) == core).collect();
                self.checker.call(Operation::Flush(own), self.now_ms)
            })
            .collect()
    }

    /// A client is told the answer to its command.
    pub(super) fn tell(&mut self, client: usize, words: &[Word]) -> Result<(), Violation> {
        let busy = self.clients[client].busy.take().ok_or("an answer came to nobody")?;
        self.report.answers += 1;
        if busy.numbers.is_empty() {
            let [Word::Integer(count)] = words else {
                return Err(format!("DBSIZE gave {words:?}"));
            };
            let is_possible = (0..=i64::try_from(KEYS).unwrap_or(0)).contains(count);
            return if is_possible { Ok(()) } else { Err(format!("DBSIZE gave {count}")) };
        }
        let answer = replies::read(words, &mut self.checker.values)?;
        let parts = match &answer {
            Answer::Values(values) => {
                values.iter().fold(7, |sum, value| mix(sum ^ value.map_or(0, u64::from)))
            }
            Answer::Integer(number) => number.unsigned_abs(),
            Answer::Ok => 1,
            Answer::NotInteger | Answer::NoSuchKey | Answer::Refused => 2,
        };
        self.note(parts ^ (client as u64) << 32);
        self.report.refused += u64::from(answer == Answer::Refused);
        for &number in &busy.numbers {
            self.checker.answer(number, &answer, self.now_ms)?;
        }
        self.report.spreads += u64::from(busy.is_spread);
        Ok(())
    }

    // ---- what they send

    fn any_operation(&mut self, database: DatabaseId) -> Operation {
        let base = usize::from(database.0) * KEYS;
        let key = base + self.random.index(KEYS);
        match self.random.below(100) {
            0..18 => Operation::Get(key),
            18..36 => {
                let expiry =
                    self.random.chance(200).then(|| self.now_ms + 1 + self.random.below(2_000));
                Operation::Set(key, Held { value: self.any_value(), expiry_ms: expiry })
            }
            36..42 => Operation::Delete(vec![key]),
            42..50 => Operation::Increment(key),
            50..56 => {
                let value = self.any_value();
                if value.is_multiple_of(3) {
                    Operation::SetRange(key, value as usize * 7_919 % 20_000, value)
                } else {
                    Operation::Append(key, value)
                }
            }
            56..60 => Operation::ExpireAt(
                key,
                self.now_ms + 1 + self.random.below(2_000) - self.random.below(100),
            ),
            60..70 => Operation::SetAll(self.any_pairs(base)),
            70..74 => Operation::SetAllAbsent(self.any_pairs(base)),
            74..84 => Operation::GetAll(self.any_keys(base)),
            84..88 => Operation::Delete(self.any_keys(base)),
            88..94 => {
                let keys = self.any_keys(base);
                Operation::Rename(keys[0], keys[1])
            }
            94..98 => {
                let keys = self.any_keys(base);
                let shift = if self.random.chance(400) { KEYS } else { 0 };
                let target = (keys[1] + shift) % (KEYS * usize::from(DATABASES));
                Operation::Copy(keys[0], target, self.random.chance(500))
            }
            98 => Operation::Flush((base..base + KEYS).collect()),
            _ => Operation::Count,
        }
    }

    /// Two to four keys of a database.
    fn any_keys(&mut self, base: usize) -> Vec<KeyId> {
        let first = self.random.index(KEYS);
        let step = [1, 3, 7, 9][self.random.index(4)];
        (0..2 + self.random.index(3)).map(|at| base + (first + at * step) % KEYS).collect()
    }

    fn any_pairs(&mut self, base: usize) -> Vec<(KeyId, ValueId)> {
        self.any_keys(base).into_iter().map(|key| (key, self.bytes_value())).collect()
    }

    fn any_value(&mut self) -> ValueId {
        if self.random.chance(400) {
            self.values_made += 1;
            return self.checker.values.id(self.values_made.to_string().as_bytes());
        }
        self.bytes_value()
    }

    /// A value that there was never before.
    fn bytes_value(&mut self) -> ValueId {
        self.values_made += 1;
        let mut value = format!("v{}-", self.values_made).into_bytes();
        let is_full = self.settings.schedule == Schedule::FullDisk;
        let length_max = if is_full { [100, 4_000, 9_000, 30_000] } else { [30, 100, 600, 4_000] };
        let is_long = self.random.chance(20);
        let length_max = if is_long { 30_000 } else { length_max[self.random.index(4)] };
        let seed = self.random.number();
        let length = self.random.below(length_max);
        value.extend((0..length / 8).flat_map(|word| mix(seed ^ word).to_le_bytes()));
        self.checker.values.id(&value)
    }

    /// The command as a client writes it.
    fn words(&self, operation: &Operation) -> Vec<Vec<u8>> {
        let name = |key: KeyId| self.names[key].1.clone();
        let value = |value: ValueId| self.checker.values.bytes(value).to_vec();
        let word = |text: &str| text.as_bytes().to_vec();
        let pairs = |pairs: &[(KeyId, ValueId)]| -> Vec<Vec<u8>> {
            pairs.iter().flat_map(|&(key, set)| [name(key), value(set)]).collect()
        };
        let names =
            |keys: &[KeyId]| -> Vec<Vec<u8>> { keys.iter().map(|&key| name(key)).collect() };
        let (verb, rest) = match operation {
            Operation::Get(key) => ("get", vec![name(*key)]),
            Operation::Set(key, held) => {
                let mut rest = vec![name(*key), value(held.value)];
                rest.extend(
                    held.expiry_ms
                        .into_iter()
                        .flat_map(|at_ms| [word("pxat"), word(&at_ms.to_string())]),
                );
                ("set", rest)
            }
            Operation::Delete(keys) => ("del", names(keys)),
            Operation::Increment(key) => ("incr", vec![name(*key)]),
            Operation::Append(key, tail) => ("append", vec![name(*key), value(*tail)]),
            Operation::SetRange(key, offset, part) => {
                ("setrange", vec![name(*key), word(&offset.to_string()), value(*part)])
            }
            Operation::ExpireAt(key, at_ms) => {
                ("pexpireat", vec![name(*key), word(&at_ms.to_string())])
            }
            Operation::SetAll(all) => ("mset", pairs(all)),
            Operation::SetAllAbsent(all) => ("msetnx", pairs(all)),
            Operation::GetAll(keys) => ("mget", names(keys)),
            Operation::Rename(from, to) => ("rename", vec![name(*from), name(*to)]),
            Operation::Copy(from, to, replaces) => {
                let mut rest = vec![
                    name(*from),
                    name(*to),
                    word("db"),
                    word(&self.names[*to].0.0.to_string()),
                ];
                rest.extend(replaces.then(|| word("replace")));
                ("copy", rest)
            }
            Operation::Flush(_) => ("flushdb", Vec::new()),
            Operation::Count => ("dbsize", Vec::new()),
        };
        std::iter::once(word(verb)).chain(rest).collect()
    }
}

fn pairs_of(operation: &Operation) -> Vec<(KeyId, ValueId)> {
    match operation {
        Operation::SetAll(pairs) | Operation::SetAllAbsent(pairs) => pairs.clone(),
        _ => Vec::new(),
    }
}
