//! One core's machine: commands from words to an answer, turn by turn.

use hyperion_engine::command::{Blocking, CommandSpec, find};
use hyperion_engine::{
    Durability, Engine, Eviction, Outcome, Reads, Request, Settings, Thresholds,
};
use hyperion_model::{CoreId, Counted, DatabaseId};
use hyperion_store::Store;

use crate::store::{Stock, options};
use crate::{Dice, TURN, key};

const MEMORY_BYTES: u64 = 256 << 20;
/// Turns between two ticks: about a tenth of a second's.
const TICK_TURNS: u64 = 600;
/// Turns until the cleaner has made room.
const WAIT_TURNS_MAX: usize = 10_000;

/// A machine with what a client of it has set.
pub struct Machine {
    engine: Engine,
    stock: Stock,
    now_ms: u64,
    dice: Dice,
    names: u64,
    specs: [&'static CommandSpec; 3],
}

impl Machine {
    /// `names` different keys and fields.
    ///
    /// # Panics
    /// When a command is not in the table.
    #[must_use]
    pub fn new(names: u64) -> Self {
        let options = options();
        let map = options.map.clone();
        let settings = Settings {
            durability: Durability::Interval,
            reads: Reads::Lease,
            memory_bytes_max: MEMORY_BYTES,
            tight_bytes: None,
            eviction: Eviction::None,
            value_bytes_max: 32 << 20,
            thresholds: Thresholds::default(),
        };
        let engine = Engine::new(CoreId(0), map, Store::new(options), settings, 1, 17);
        let specs =
            [&b"set"[..], b"get", b"hset"].map(|name| find(name).expect("it is in the table"));
        let mut machine = Self {
            engine,
            stock: Stock::default(),
            now_ms: 1_000_000,
            dice: Dice::new(5),
            names,
            specs,
        };
        machine.next_turn();
        machine
    }

    fn run(&mut self, spec: &'static CommandSpec, arguments: &[&[u8]], answers: &mut Counted) {
        let request = Request {
            spec,
            database: DatabaseId(0),
            arguments,
            own_core_only: false,
            client: (0, 1),
            slot: None,
            from_replica: false,
            blocking: Blocking::Never,
        };
        for _ in 0..WAIT_TURNS_MAX {
            match self.engine.execute(&request, answers) {
                Outcome::Done { .. } => return,
                _ => self.next_turn(),
            }
        }
        panic!("{} is not answered", spec.name);
    }

    /// Ends a turn and begins the next.
    fn next_turn(&mut self) {
        self.engine.clean();
        self.stock.commit(self.engine.store_mut());
        self.now_ms += 1;
        self.engine.begin_turn(self.now_ms);
        if self.now_ms.is_multiple_of(TICK_TURNS) {
            self.engine.cool();
        }
    }

    /// A turn of [`TURN`] commands of one kind; gives how many were answered with something, and none with an error.
    fn turn(&mut self, mut one: impl FnMut(&mut Self, u64, &mut Counted)) -> u64 {
        let mut answers = Counted::default();
        for _ in 0..TURN {
            let number = self.dice.draw(self.names);
            one(self, number, &mut answers);
        }
        self.next_turn();
        assert_eq!(answers.error, "");
        answers.answers
    }

    /// A turn of SET, 64 bytes.
    pub fn sets(&mut self) -> u64 {
        self.turn(|machine, number, answers| {
            machine.run(machine.specs[0], &[b"SET", &key(number), &[b'v'; 64]], answers);
        })
    }

    /// A turn of GET.
    pub fn gets(&mut self) -> u64 {
        self.turn(|machine, number, answers| {
            machine.run(machine.specs[1], &[b"GET", &key(number)], answers);
        })
    }

    /// A turn of HSET of fields of one large hash.
    pub fn hsets(&mut self) -> u64 {
        self.turn(|machine, number, answers| {
            machine.run(
                machine.specs[2],
                &[b"HSET", b"hash", &key(number), b"value:abcdef"],
                answers,
            );
        })
    }
}
