//! Runs one command again and again on one core, without a server, a disk or a clock, and prints what it writes to the log and what the
//! collection takes of the memory, while it is changed and when it has rested.
//!
//! The figures depend on the arguments alone: two runs print the same, and `valgrind --tool=callgrind --toggle-collect='*measured*'`
//! counts the same instructions. Arguments: commands (`hset`, `hget`, `sadd`, `zadd`, `lpush`, `rpush`, `lpop`, `rpop`, `xadd`,
//! `small` for hashes of five fields, `set`, and `rest`, in which nothing is written), `count=N` commands each, `names=N` different fields, members or keys,
//! and `keys=N` collections for `hset`, `sadd` and `zadd`, one of them by chance each time. With `ahead` sixteen commands are read ahead, as the
//! front does with what a client has sent.

use hyperion_engine::command::{Blocking, Sought, find};
use hyperion_engine::{
    Durability, Engine, Eviction, Outcome, Reads, Request, Settings, Thresholds,
};
use hyperion_model::{CoreId, Counted, DatabaseId, PartitionMap, slot_of};
use hyperion_store::{Append, Options, Store};

const SEGMENT_BYTES: usize = 4 << 20;
/// Commands that are read ahead.
const AHEAD: usize = 16;
/// Commands in a turn.
const TURN: u64 = 64;
/// Turns between two ticks: about a tenth of a second's.
const TICK: u64 = 600;
/// Ticks in which nothing is written.
const REST_TICKS: u64 = 400;

struct Machine {
    engine: Engine,
    segments: u64,
    now_ms: u64,
    written_bytes: u64,
    random: u64,
    /// Commands are read ahead; those that were, and are to be run.
    reads_ahead: bool,
    ahead: Vec<Vec<Vec<u8>>>,
}

impl Machine {
    fn new() -> Self {
        let map = PartitionMap::spread(64, 1);
        let store = Store::new(Options {
            core: CoreId(0),
            map: map.clone(),
            instance: [7; 16],
            segment_bytes: SEGMENT_BYTES,
            keeps_files: true,
            hash_seed: 11,
            entropy: 13,
            generation: 1,
        });
        let settings = Settings {
            durability: Durability::Interval,
            reads: Reads::Lease,
            memory_bytes_max: 4 << 30,
            tight_bytes: None,
            eviction: Eviction::None,
            value_bytes_max: 32 << 20,
            thresholds: Thresholds::default(),
        };
        let engine = Engine::new(CoreId(0), map, store, settings, 1, 17);
        Self {
            engine,
            segments: 0,
            now_ms: 1_000_000,
            written_bytes: 0,
            random: 5,
            reads_ahead: false,
            ahead: Vec::new(),
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn run(&mut self, words: &[&[u8]]) {
        let request = Request {
            spec: find(words[0]).expect("it is in the table"),
            database: DatabaseId(0),
            arguments: words,
            own_core_only: false,
            client: (0, 1),
            slot: None,
            from_replica: false,
            blocking: Blocking::Never,
        };
        let mut answers = Counted::default();
        while !matches!(self.engine.execute(&request, &mut answers), Outcome::Done { .. }) {
            self.end_turn();
            self.begin_turn();
        }
        assert_eq!(answers.error, "");
    }

    /// Runs the words, or keeps them until there are as many as are read ahead.
    fn take(&mut self, words: &[&[u8]]) {
        if !self.reads_ahead {
            return self.run(words);
        }
        self.ahead.push(words.iter().map(|word| word.to_vec()).collect());
        if self.ahead.len() < AHEAD {
            return;
        }
        let lines = std::mem::take(&mut self.ahead);
        if self.engine.has_large_collections() {
            let sought = lines.iter().filter_map(|line| {
                let word = |at: usize| line.get(at).map(Vec::as_slice);
                Sought::of(find(&line[0])?, slot_of(word(1)?), line.len(), word)
            });
            self.engine.prefetch_entries(DatabaseId(0), sought);
        }
        for line in &lines {
            self.run(&line.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }

    fn begin_turn(&mut self) {
        self.now_ms += 1;
        self.engine.begin_turn(self.now_ms);
    }

    fn end_turn(&mut self) {
        let mut appends: Vec<Append> = Vec::new();
        self.engine.clean();
        self.engine.end_turn(&mut appends);
        for append in &appends {
            self.written_bytes += (append.end - append.start) as u64;
            self.engine.written(append);
        }
        let store = self.engine.store_mut();
        if let Some(ticket) = store.begin_sync() {
            store.finish_sync(&ticket);
        }
        let mut dead = Vec::new();
        store.free_dead(&mut dead);
        for slot in dead {
            store.freed(slot);
        }
        for _ in 0..store.segments_wanted() {
            self.segments += 1;
            store.add_ready(self.segments, Vec::leak(vec![0; SEGMENT_BYTES]));
        }
    }

    /// One command of a kind.
    fn step(&mut self, kind: &str, (names, keys): (u64, u64), number: u64) {
        let name = self.draw(names);
        let field = format!("field:{name:012}");
        let score = self.draw(names).to_string();
        let key = if keys > 1 { format!("key:{:012}", self.draw(keys)) } else { "key".into() };
        match kind {
            "hset" => self.take(&[b"hset", key.as_bytes(), field.as_bytes(), b"value:abcdef"]),
            "hget" => self.take(&[b"hget", key.as_bytes(), field.as_bytes()]),
            "sadd" => self.take(&[b"sadd", key.as_bytes(), field.as_bytes()]),
            "zadd" => self.take(&[b"zadd", key.as_bytes(), score.as_bytes(), field.as_bytes()]),
            "lpush" => self.run(&[b"lpush", b"l", b"element-0123456789"]),
            "rpush" => self.run(&[b"rpush", b"l", b"element-0123456789"]),
            "lpop" => self.run(&[b"lpop", b"l"]),
            "rpop" => self.run(&[b"rpop", b"l"]),
            "xadd" => self.run(&[b"xadd", b"x", b"*", b"field", b"value-0123456789"]),
            "set" => self.run(&[b"set", field.as_bytes(), b"value-0123456789"]),
            "small" => {
                let key = format!("h:{number:08}");
                let fields: Vec<[String; 2]> = (0..5)
                    .map(|at| [format!("field{at}"), format!("value{:05}", number % 100_000)])
                    .collect();
                let mut words: Vec<&[u8]> = vec![b"hset", key.as_bytes()];
                words.extend(fields.iter().flatten().map(String::as_bytes));
                self.run(&words);
            }
            other => panic!("no kind {other}"),
        }
    }

    #[inline(never)]
    fn measured(&mut self, kind: &str, names: (u64, u64), count: u64) {
        self.begin_turn();
        for number in 0..count {
            if number % TURN == 0 {
                self.end_turn();
                self.begin_turn();
            }
            if number % (TURN * TICK) == 0 {
                self.engine.cool();
            }
            self.step(kind, names, number);
        }
        self.end_turn();
    }

    fn rest(&mut self) {
        for _ in 0..REST_TICKS {
            self.begin_turn();
            self.engine.cool();
            self.end_turn();
        }
    }

    fn told(&self) -> String {
        let figures = self.engine.store().figures();
        let mb = |bytes: u64| format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10);
        format!(
            "held {}, live {}, on the heap {}, indexes {}",
            mb(figures.held_bytes),
            mb(figures.live_bytes),
            mb(figures.object_bytes),
            mb(figures.index_bytes),
        )
    }
}

fn main() {
    let (mut count, mut names, mut keys, mut kinds) = (200_000, 200_000, 1, Vec::new());
    let mut machine = Machine::new();
    for argument in std::env::args().skip(1) {
        match argument.split_once('=') {
            Some(("count", number)) => count = number.parse().expect("a number"),
            Some(("names", number)) => names = number.parse().expect("a number"),
            Some(("keys", number)) => keys = number.parse().expect("a number"),
            _ if argument == "ahead" => machine.reads_ahead = true,
            _ => kinds.push(argument),
        }
    }
    for kind in &kinds {
        let before = machine.written_bytes;
        if kind == "rest" {
            machine.rest();
        } else {
            machine.measured(kind, (names, keys), count);
        }
        let each = (machine.written_bytes - before) / count;
        println!("{kind}: {each} bytes written a command; {}", machine.told());
    }
}
