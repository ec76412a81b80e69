//! Owns a core for tests: a store in memory that gets a segment whenever a command asks for room, and a clock.

use super::recorder::Recorder;
use crate::Events;
use crate::command::{
    CommandError, CommandSpec, Context, Run, check, describe, find, find_memcached, merge, part,
    scan_part,
};
use hyperion_model::{CoreId, DatabaseId, PartitionMap, TransactionId};
use hyperion_store::{Options, Room, Store, StoreError};

/// When the clock starts, Unix ms.
pub(super) const START_MS: u64 = 1_700_000_000_000;
const SEGMENT_BYTES: usize = 1 << 20;

pub(super) struct Stage {
    pub(super) store: Store,
    pub(super) database: DatabaseId,
    pub(super) value_bytes_max: u64,
    pub(super) now_ms: u64,
    pub(super) thresholds: crate::Thresholds,
    /// Times that a command was refused for want of room and run again.
    pub(super) repeats: u64,
    segment_bytes: usize,
    segments: u64,
    transactions: u64,
    random: u64,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::with_segments(SEGMENT_BYTES)
    }

    pub(super) fn with_segments(segment_bytes: usize) -> Self {
        Self::on_core(segment_bytes, CoreId(0), 1)
    }

    pub(super) fn on_core(segment_bytes: usize, core: CoreId, cores: u16) -> Self {
        let mut store = Store::new(Options {
            core,
            map: PartitionMap::spread(64, cores),
            instance: [7; 16],
            segment_bytes,
            keeps_files: false,
            hash_seed: 11,
            entropy: 13,
            generation: 1,
        });
        store.set_now(START_MS);
        Self {
            store,
            database: DatabaseId(0),
            value_bytes_max: 1 << 20,
            now_ms: START_MS,
            thresholds: crate::Thresholds::default(),
            repeats: 0,
            segment_bytes,
            segments: 0,
            transactions: 0,
            random: 17,
        }
    }

    pub(super) fn wait(&mut self, wait_ms: u64) {
        self.now_ms += wait_ms;
        self.store.set_now(self.now_ms);
    }

    /// Runs a line of words; blanks separate them, quotes keep them together, `\xNN` is a byte. `wait MS` moves the clock.
    pub(super) fn run(&mut self, line: &str) -> String {
        let words = words_of(line);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        match words[0] {
            b"wait" => {
                self.wait(std::str::from_utf8(words[1]).unwrap().parse().unwrap());
                String::new()
            }
            b"select" => {
                self.database = DatabaseId(std::str::from_utf8(words[1]).unwrap().parse().unwrap());
                "+OK".to_owned()
            }
            _ => self.run_words(&words),
        }
    }

    pub(super) fn run_words(&mut self, words: &[&[u8]]) -> String {
        loop {
            let mut reply = Recorder::default();
            let result = self.check_room(words).and_then(|()| self.attempt(words, &mut reply));
            let mut headers = Vec::new();
            match result {
                Ok(()) => {
                    self.store.take_appends(&mut Vec::new());
                    self.store.free_dead(&mut headers);
                    return reply.text();
                }
                Err(error) => {
                    assert!(reply.is_empty(), "answered {} and failed: {error}", reply.text());
                    if !matches!(error, CommandError::Store(StoreError::NoRoom { .. })) {
                        return format!("-{error}");
                    }
                }
            }
            self.repeats += 1;
            self.add_segments();
        }
    }

    /// As the engine does before a command that writes.
    fn check_room(&mut self, words: &[&[u8]]) -> Result<(), CommandError> {
        let bytes: usize = words.iter().map(|word| word.len() + 64).sum();
        if find(words[0]).is_some_and(CommandSpec::writes) && self.store.room(bytes) == Room::Later
        {
            return Err(StoreError::NoRoom { bytes }.into());
        }
        Ok(())
    }

    pub(super) fn attempt(
        &mut self,
        words: &[&[u8]],
        reply: &mut Recorder,
    ) -> Result<(), CommandError> {
        let spec = find(words[0])
            .or_else(|| find_memcached(words[0]))
            .ok_or_else(|| CommandError::unknown_command(words))?;
        spec.check_arity(words.len())?;
        self.transactions += 1;
        self.random = mix(self.random);
        let mut scratch = b"left over".to_vec();
        let mut context = Context {
            store: &mut self.store,
            database: self.database,
            reply,
            scratch: &mut scratch,
            value_bytes_max: self.value_bytes_max,
            thresholds: self.thresholds,
            random: self.random,
            transaction: TransactionId::new(1, CoreId(0), self.transactions),
            slot: None,
            answer_bytes_max: usize::MAX,
            blocking: crate::command::Blocking::Never,
            events: &mut Events::default(),
        };
        match spec.run {
            Run::Key(handler) | Run::Keys { local: handler, .. } => handler(&mut context, words),
            Run::Scan => scan_part(&mut context, words, false),
            Run::Every(gather) => {
                check(gather, words)?;
                let part = part(gather, context.store, self.database, words, self.random)?;
                merge(gather, vec![part], self.random, reply);
                Ok(())
            }
            Run::Front(_) => describe(words, reply),
        }
    }

    /// Adds the segments that the store wants.
    pub(super) fn add_segments(&mut self) {
        for _ in 0..self.store.segments_wanted() {
            let memory = Vec::leak(vec![0; self.segment_bytes]);
            self.segments += 1;
            self.store.add_ready(self.segments, memory);
        }
    }
}

/// The next of a row of random numbers.
fn mix(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 27)
}

/// Runs every line of a table on a new stage.
pub(super) fn play(table: &[(&str, &str)]) {
    let mut stage = Stage::new();
    for (at, (line, reply)) in table.iter().enumerate() {
        assert_eq!(stage.run(line), *reply, "step {at}: {line}");
    }
}

fn words_of(line: &str) -> Vec<Vec<u8>> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<Vec<u8>>, false);
    let mut rest = line.as_bytes();
    while let [letter, behind @ ..] = rest {
        rest = behind;
        match letter {
            b' ' if !quoted => words.extend(word.take()),
            b'"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            b'\\' if let [b'x', high, low, behind @ ..] = behind => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap();
                word.get_or_insert_default().push(u8::from_str_radix(digits, 16).unwrap());
                rest = behind;
            }
            _ => word.get_or_insert_default().push(*letter),
        }
    }
    words.extend(word);
    words
}
