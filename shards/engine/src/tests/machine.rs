//! Owns a core for tests whose turns are counted: what each writes, and how many there are.

use crate::command::{Blocking, find};
use crate::effect::{Effect, Ticket};
use crate::engine::Engine;
use crate::request::{Outcome, Request};
use crate::settings::{Durability, Settings};
use hyperion_model::{CoreId, DatabaseId, PartitionMap, ReplyWriter};
use hyperion_store::{Append, Options, Policy, Store};

pub(super) const SEGMENT_BYTES: usize = 1 << 20;
/// What a turn may write: its part, the rest of a chunk, the chunks at two edges, and heads, headers and seals.
pub(super) const TURN_BYTES: usize = SEGMENT_BYTES / 128 + 3 * (64 << 10) + (12 << 10);
pub(super) const ANN: (u16, u64) = (0, 1);
pub(super) const BOB: (u16, u64) = (0, 2);

/// Keeps the first line of an answer.
#[derive(Default)]
pub(super) struct Line(pub(super) String);

impl ReplyWriter for Line {
    fn simple(&mut self, text: &str) {
        self.0 = format!("+{text}");
    }
    fn error(&mut self, text: &str) {
        self.0 = format!("-{text}");
    }
    fn integer(&mut self, value: i64) {
        self.0 = format!(":{value}");
    }
    fn bulk(&mut self, bytes: &[u8]) {
        self.0 = format!("${}", bytes.len());
    }
    fn bulk_begin(&mut self, length_bytes: u64) {
        self.0 = format!("${length_bytes}");
    }
    fn bulk_piece(&mut self, _: &[u8], _: bool) {}
    fn null(&mut self) {
        self.0 = "$-1".to_owned();
    }
    fn null_array(&mut self) {}
    fn array(&mut self, _: usize) {}
    fn map(&mut self, _: usize) {}
    fn set(&mut self, _: usize) {}
    fn double(&mut self, _: f64) {}
    fn boolean(&mut self, _: bool) {}
    fn verbatim(&mut self, _: &str, _: &[u8]) {}
}

pub(super) struct Machine {
    pub(super) engine: Engine,
    pub(super) segments: u64,
    pub(super) now_ms: u64,
    /// The most that one turn has written.
    pub(super) turn_bytes_max: usize,
    pub(super) turns: usize,
    /// The disk has no room for another segment.
    pub(super) is_full: bool,
}

/// A client's command in the first database.
pub(super) fn request_of<'a>(client: (u16, u64), words: &'a [&'a [u8]]) -> Request<'a> {
    Request {
        spec: find(words[0]).expect("it is in the table"),
        database: DatabaseId(0),
        arguments: words,
        own_core_only: false,
        client,
        slot: None,
        from_replica: false,
        blocking: Blocking::Never,
    }
}

impl Machine {
    pub(super) fn new() -> Self {
        Self::with(true)
    }

    /// A core whose log is as good as durable when a turn has ended.
    pub(super) fn in_memory() -> Self {
        Self::with(false)
    }

    fn with(keeps_files: bool) -> Self {
        let map = PartitionMap::spread(4, 1);
        let store = Store::new(Options {
            core: CoreId(0),
            map: map.clone(),
            instance: [7; 16],
            segment_bytes: SEGMENT_BYTES,
            keeps_files,
            hash_seed: 11,
            entropy: 13,
            generation: 1,
        });
        let settings = Settings {
            durability: Durability::Interval,
            reads: crate::Reads::Lease,
            memory_bytes_max: 1 << 30,
            tight_bytes: None,
            eviction: Policy::None,
            value_bytes_max: 32 << 20,
            thresholds: crate::Thresholds::default(),
        };
        let engine = Engine::new(CoreId(0), map, store, settings, 1, 17);
        Self { engine, segments: 0, now_ms: 1_000_000, turn_bytes_max: 0, turns: 0, is_full: false }
    }

    /// One turn with one command in it.
    pub(super) fn turn(&mut self, client: (u16, u64), words: &[&[u8]]) -> (Outcome, String) {
        self.now_ms += 1;
        self.engine.begin_turn(self.now_ms);
        let mut line = Line::default();
        let outcome = self.engine.execute(&request_of(client, words), &mut line);
        self.end_turn();
        (outcome, line.0)
    }

    /// One turn with a slice of a command in it, if one is under way. Gives the parts of answers that it told, and whether the last was among
    /// them.
    pub(super) fn slice(&mut self, reply: &mut dyn ReplyWriter) -> bool {
        self.now_ms += 1;
        self.engine.begin_turn(self.now_ms);
        self.engine.work_slices();
        let mut effects = Vec::new();
        self.engine.take_effects(&mut effects);
        self.end_turn();
        let mut has_ended = false;
        for effect in effects {
            let Effect::Told { told, is_last, .. } = effect else { panic!("{effect:?}") };
            told.write(reply);
            has_ended |= is_last;
        }
        has_ended
    }

    /// Begins a command that is worked in slices.
    pub(super) fn begin(&mut self, words: &[&[u8]]) {
        self.engine.begin_slices(Ticket(1), &request_of(ANN, words)).expect("its words are right");
    }

    pub(super) fn end_turn(&mut self) {
        let mut appends: Vec<Append> = Vec::new();
        self.engine.end_turn(&mut appends);
        let bytes: usize = appends.iter().map(|append| append.end - append.start).sum();
        self.turn_bytes_max = self.turn_bytes_max.max(bytes);
        self.turns += 1;
        appends.iter().for_each(|append| self.engine.written(append));
        let wanted = if self.is_full { 0 } else { self.engine.store().segments_wanted() };
        for _ in 0..wanted {
            self.segments += 1;
            let memory = Vec::leak(vec![0; SEGMENT_BYTES]);
            self.engine.store_mut().add_ready(self.segments, memory);
        }
    }

    /// Runs a command turn by turn until it is answered.
    pub(super) fn run(&mut self, client: (u16, u64), words: &[&[u8]]) -> String {
        for _ in 0..10_000 {
            if let (Outcome::Done { .. }, line) = self.turn(client, words) {
                return line;
            }
        }
        panic!("{} is not answered", words[0].escape_ascii());
    }

    pub(super) fn read(&mut self, key: &[u8]) -> Vec<u8> {
        let store = self.engine.store_mut();
        let key = store.key(DatabaseId(0), key);
        let Some(found) = store.find(&key) else { return Vec::new() };
        let (mut bytes, value) = (Vec::new(), store.value(&found));
        value.copy_range(0, value.len(), &mut bytes);
        bytes
    }
}
