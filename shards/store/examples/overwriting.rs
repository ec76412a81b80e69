//! Overwrites a nearly full memory again and again, without a server, a disk or a clock, and prints what the cleaner makes of it.
//!
//! The figures depend on the arguments alone: two runs print the same. Arguments: MiB of memory (more than one: one run each),
//! `uniform` or `zipf` (both when none is given), `turn=N` writes in a turn, `budgets=N` times the memory that is written, `live=N`
//! percent of the memory that indexes and live records take, `segment=N` KiB, `late=N` writes that every 20th sync takes, for a disk
//! that is late now and then.

use hyperion_model::{CoreId, DatabaseId, PartitionMap};
use hyperion_store::{Append, Options, Room, Store, SyncTicket};

const VALUE: [u8; 128] = [7; 128];
/// What a record of such a value takes, with its key of 16 bytes.
const RECORD_BYTES: u64 = 152;
/// Room that is asked for before a write: some more than it takes.
const ROOM_BYTES: usize = 300;
/// Writes between two syncs: about a tenth of a second's.
const SYNC_EVERY: u64 = 30_000;
/// Writes until a sync is through: about 20 ms of them.
const SYNC_TAKES: u64 = 6_000;
/// Every so many-th sync is late, where one is.
const LATE_EVERY: u64 = 20;

#[derive(Clone, Copy)]
struct Setting {
    memory_bytes: u64,
    is_zipf: bool,
    turn: u64,
    budgets: u64,
    live_percent: u64,
    segment_bytes: Option<u64>,
    late: u64,
}

struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Draws ranks by Zipf's law with exponent 0.99.
///
/// Source: Gray et al., "Quickly generating billion-record synthetic databases", SIGMOD 1994.
struct Zipf {
    count: f64,
    zeta: f64,
    eta: f64,
}

const THETA: f64 = 0.99;

impl Zipf {
    fn new(count: u64) -> Self {
        let zeta: f64 = (1..=count).map(|rank| (rank as f64).powf(-THETA)).sum();
        let zeta_2 = 1.0 + 0.5_f64.powf(THETA);
        let count = count as f64;
        let eta = (1.0 - (2.0 / count).powf(1.0 - THETA)) / (1.0 - zeta_2 / zeta);
        Self { count, zeta, eta }
    }

    fn rank(&self, unit: f64) -> u64 {
        let scaled = unit * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5_f64.powf(THETA) {
            return 1;
        }
        whole(self.count * (self.eta * unit - self.eta + 1.0).powf(1.0 / (1.0 - THETA)))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ranks of keys")]
fn whole(number: f64) -> u64 {
    number as u64
}

/// A store whose files are written at once and synced a little later.
struct World {
    store: Store,
    appends: Vec<Append>,
    /// Writes so far.
    writes: u64,
    sync: Option<(SyncTicket, u64)>,
    syncs: u64,
    /// Writes until a late sync is through.
    late: u64,
    synced_at: u64,
    ticked_at: u64,
    freeing: Vec<(u32, u64)>,
    /// Memory of segments that were given back.
    stock: Vec<&'static mut [u8]>,
    id: u64,
    memory_bytes: u64,
}

impl World {
    fn new(memory_bytes: u64, segment_bytes: u64, late: u64) -> Self {
        let map = PartitionMap::spread(64, 1);
        let store = Store::new(Options {
            core: CoreId(0),
            map,
            instance: [1; 16],
            generation: 0,
            segment_bytes: usize::try_from(segment_bytes).expect("at most 64 MiB"),
            keeps_files: true,
            hash_seed: 11,
            entropy: 13,
        });
        Self {
            store,
            appends: Vec::new(),
            writes: 0,
            sync: None,
            syncs: 0,
            late,
            synced_at: 0,
            ticked_at: 0,
            freeing: Vec::new(),
            stock: Vec::new(),
            id: 0,
            memory_bytes,
        }
    }

    fn begin_turn(&mut self) {
        self.store.set_memory(self.memory_bytes);
        self.store.set_now(1);
        while self.store.segments_wanted() > 0 {
            let bytes = self.store.segment_bytes();
            let memory =
                self.stock.pop().unwrap_or_else(|| Box::leak(vec![0; bytes].into_boxed_slice()));
            self.id += 1;
            self.store.add_ready(self.id, memory);
        }
    }

    /// Sets a key; `false`: there is no room before the next turn.
    fn put(&mut self, number: u64) -> bool {
        let mut name = *b"key:000000000000";
        let mut left = number;
        for digit in name[4..].iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        if self.store.room(ROOM_BYTES) != Room::Now {
            return false;
        }
        let key = self.store.key(DatabaseId(0), &name);
        self.store.put(&key, &[&VALUE], None).expect("there is room");
        self.writes += 1;
        true
    }

    fn sync_takes(&mut self) -> u64 {
        self.syncs += 1;
        if self.syncs.is_multiple_of(LATE_EVERY) { self.late } else { SYNC_TAKES }
    }

    fn end_turn(&mut self, passes: u64) {
        if self.store.wants_cleaning() {
            self.store.clean();
        }
        self.store.take_appends(&mut self.appends);
        for append in self.appends.drain(..) {
            self.store.mark_written(&append);
        }
        // Time goes on where nothing can be written, too.
        self.writes += passes;
        let now = self.writes;
        let done = self.sync.take_if(|(_, due)| *due <= now);
        let is_tick = now >= self.ticked_at + SYNC_EVERY;
        if let Some((ticket, _)) = &done {
            self.store.finish_sync(ticket);
        }
        if is_tick {
            self.ticked_at = now;
        }
        if is_tick || done.is_some() {
            let mut headers = Vec::new();
            self.store.free_dead(&mut headers);
            for slot in headers {
                let due = now + self.sync_takes();
                self.freeing.push((slot, due));
            }
        }
        for (slot, _) in self.freeing.extract_if(.., |(_, due)| *due <= now) {
            self.store.freed(slot);
        }
        let wants_sync = now >= self.synced_at + SYNC_EVERY || self.store.wants_sync();
        if self.sync.is_none()
            && wants_sync
            && let Some(ticket) = self.store.begin_sync()
        {
            self.synced_at = now;
            self.sync = Some((ticket, now + self.sync_takes()));
        }
        while let Some((_, _, memory)) = self.store.take_surplus() {
            self.stock.push(memory);
        }
    }
}

fn run(setting: &Setting) {
    let Setting { memory_bytes, is_zipf, turn, budgets, live_percent, segment_bytes, late } =
        *setting;
    // As a node chooses it for new data.
    let segment_bytes =
        segment_bytes.unwrap_or((memory_bytes / 128).clamp(2 << 20, 64 << 20)).next_power_of_two();
    let mut world = World::new(memory_bytes, segment_bytes, late);
    let mut keys = 0;
    loop {
        world.begin_turn();
        for _ in 0..turn {
            if !world.put(keys) {
                break;
            }
            keys += 1;
        }
        world.end_turn(0);
        let figures = world.store.figures();
        if figures.live_bytes + figures.index_bytes >= memory_bytes / 100 * live_percent {
            break;
        }
    }
    let zipf = is_zipf.then(|| Zipf::new(keys));
    let mut dice = Dice(17);
    let since = world.writes;
    let writes_max = memory_bytes * budgets / RECORD_BYTES;
    let warm = memory_bytes / RECORD_BYTES;
    let (mut written, mut waits, mut turns) = (0_u64, 0_u64, 0_u64);
    let (mut least, mut least_ever, mut sum, mut sums) = (1.0_f64, 1.0_f64, 0.0, 0.0);
    let mut copied_when_warm = None;
    let mut slice_max = 0;
    let mut held_max = 0;
    while written < writes_max {
        world.begin_turn();
        let copied_before = world.store.cleaner_figures().copied_bytes;
        let mut is_short = false;
        for _ in 0..turn {
            let number = match &zipf {
                Some(zipf) => zipf.rank(dice.unit()) * 1_000_003 % keys,
                None => whole(dice.unit() * keys as f64),
            };
            if !world.put(number) {
                is_short = true;
                break;
            }
            written += 1;
        }
        waits += u64::from(is_short);
        turns += 1;
        world.end_turn(if is_short { turn / 4 } else { 0 });
        let copied = world.store.cleaner_figures().copied_bytes;
        slice_max = slice_max.max(copied - copied_before);
        if turns % 16 == 0 {
            let figures = world.store.figures();
            held_max = held_max.max(figures.held_bytes);
            let ratio = figures.live_bytes as f64 / figures.held_bytes as f64;
            least_ever = least_ever.min(ratio);
            if written >= warm {
                copied_when_warm.get_or_insert((copied, written));
                least = least.min(ratio);
                sum += ratio;
                sums += 1.0;
            }
        }
    }
    let passed = world.writes - since;
    let figures = world.store.figures();
    let (copied, since) = copied_when_warm.unwrap_or((0, 0));
    let copied = figures.cleaner.copied_bytes - copied;
    let records = (written - since) * RECORD_BYTES;
    println!(
        "{:5} MiB {:7} {keys} keys, segments of {} KiB, turns of {turn}: live/held {least:.3} at least ({least_ever:.3} with the first budget), \
         {:.3} on average; {:.2} bytes copied for each written; {:.2} % of the turns met no room, {:.1} % of the time went by in them; {} KiB copied in a turn at most; \
         held up to {:.1} % of the memory",
        memory_bytes >> 20,
        if is_zipf { "zipf" } else { "uniform" },
        segment_bytes >> 10,
        sum / sums,
        copied as f64 / records as f64,
        100.0 * waits as f64 / turns as f64,
        100.0 - 100.0 * written as f64 / passed as f64,
        slice_max >> 10,
        100.0 * (held_max + figures.index_bytes) as f64 / memory_bytes as f64,
    );
    assert_eq!(figures.keys, keys, "every key is there");
}

fn main() {
    let mut memories = Vec::new();
    let mut distributions = Vec::new();
    let mut setting = Setting {
        memory_bytes: 0,
        is_zipf: false,
        turn: 256,
        budgets: 20,
        live_percent: 80,
        segment_bytes: None,
        late: SYNC_TAKES,
    };
    for argument in std::env::args().skip(1) {
        let (name, value) = argument.split_once('=').unwrap_or((&argument, ""));
        let number = |text: &str| text.parse::<u64>().expect("a number");
        match name {
            "uniform" => distributions.push(false),
            "zipf" => distributions.push(true),
            "turn" => setting.turn = number(value),
            "budgets" => setting.budgets = number(value),
            "live" => setting.live_percent = number(value),
            "late" => setting.late = number(value),
            "segment" => setting.segment_bytes = Some(number(value) << 10),
            _ => memories.push(number(name) << 20),
        }
    }
    if memories.is_empty() {
        memories = vec![512 << 20, 1 << 30];
    }
    if distributions.is_empty() {
        distributions = vec![false, true];
    }
    for &memory_bytes in &memories {
        for &is_zipf in &distributions {
            run(&Setting { memory_bytes, is_zipf, ..setting });
        }
    }
}
