//! Tests of the cleaner: nothing that lives is lost, nothing that is gone comes back, and the log stays within its memory.

use super::disk::{Contents, SEGMENT_BYTES, World, pattern};
use crate::limits::SLACK_SEGMENTS;
use crate::{Content, Room, Write};
use hyperion_model::{DatabaseId, TransactionId};

/// Lets the cleaner work until it has nothing to do.
pub(super) fn clean_all(world: &mut World) {
    for _ in 0..1_000 {
        world.supply();
        let worked = world.store.wants_cleaning() && world.store.clean();
        world.turn();
        if !worked {
            return;
        }
    }
    panic!("the cleaner does not come to an end: {:?}", world.store.figures());
}

/// Fills the rest of the active segment with values that are dead at once.
fn fill_segment(world: &mut World) {
    let segments = world.store.figures().segments_in_use;
    while world.store.figures().segments_in_use == segments {
        world.put(b"filler", &[7; 4000]);
    }
    world.turn();
}

/// Leaves segments behind that are half dead, so that the cleaner has something to gain.
fn litter(world: &mut World) {
    for step in (0..600_u32).chain((0..600).step_by(2)) {
        world.put(&(1_000_000 + step).to_le_bytes(), &[1; 500]);
    }
    world.turn();
}

/// Memory for `segments` segments, besides the index.
fn limit(world: &mut World, segments: u64) {
    let index = world.store.figures().index_bytes;
    world.store.set_memory(index + segments * SEGMENT_BYTES as u64);
}

/// A segment with `keys` that live and one that is deleted in a later segment, and memory for little more.
fn with_a_deleted_victim(keys: u32) -> World {
    let mut world = World::new();
    for key in 0..keys {
        world.put(&key.to_le_bytes(), &pattern(key.into(), 500));
    }
    world.put(b"victim", b"old");
    fill_segment(&mut world);
    assert!(world.delete(b"victim"));
    litter(&mut world);
    limit(&mut world, 6);
    world
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % sides
    }
}

/// The old value lies in a segment that other keys keep alive; the tombstone's segment is emptied. The tombstone must move along.
#[test]
fn a_tombstone_moves_while_an_older_segment_may_hold_its_key() {
    let mut world = with_a_deleted_victim(100);
    clean_all(&mut world);
    assert!(
        world.store.cleaner_figures().tombstones_moved > 0,
        "{:?}",
        world.store.cleaner_figures()
    );
    let mut again = world.reopen().expect("no damage");
    assert_eq!(again.get(b"victim"), None);
    assert_eq!(again.contents(), world.contents());
}

/// A tombstone whose key lies in no older segment goes for good.
#[test]
fn tombstones_do_not_gather() {
    let mut world = World::new();
    for key in 0..200_u32 {
        world.put(&key.to_le_bytes(), &pattern(key.into(), 600));
    }
    limit(&mut world, 12);
    for key in 1_000..21_000_u32 {
        world.put(&key.to_le_bytes(), &[1; 40]);
        assert!(world.delete(&key.to_le_bytes()));
        if key % 20 == 0 {
            world.store.clean();
            world.turn();
            limit(&mut world, 12);
        }
    }
    clean_all(&mut world);
    let figures = world.store.figures();
    assert!(figures.segments_in_use <= 12, "{figures:?}");
    // The filters that told so are counted in what the data takes.
    assert!(figures.filter_bytes > 0, "{figures:?}");
    let beside = figures.index_bytes + figures.filter_bytes;
    assert!(figures.used_bytes >= beside + figures.live_bytes, "{figures:?}");
    assert!(
        world.store.cleaner_figures().tombstones_dropped > 10_000,
        "{:?}",
        world.store.cleaner_figures()
    );
    let mut again = world.reopen().expect("no damage");
    assert_eq!(again.contents(), world.contents());
    assert_eq!(again.contents().len(), 200);
}

/// The older segment is freed in memory, but its header is not on the disk when the power fails: the tombstone must still be there.
#[test]
fn a_tombstone_stays_until_the_older_segment_is_gone_from_the_disk() {
    let mut world = with_a_deleted_victim(20);
    for _ in 0..400 {
        world.supply();
        world.store.clean();
        world.sync();
        let mut headers = Vec::new();
        world.store.free_dead(&mut headers);
        // No header is written: the disk still has every segment that was freed now.
        let mut again = world.reopen().expect("no damage");
        assert_eq!(again.get(b"victim"), None);
        assert_eq!(again.get(&7_u32.to_le_bytes()), Some(pattern(7, 500)));
    }
}

/// A prepared batch lies in one segment, the word that ended it in the next; then its keys change. Replayed later, the word would
/// bring the old values back.
#[test]
fn the_end_of_a_transaction_does_not_overtake_later_writes() {
    let mut world = World::new();
    // So much lives in the first segment that nothing but the second one's need empties it.
    for key in 0..118_u32 {
        world.put(&key.to_le_bytes(), &pattern(key.into(), 500));
    }
    let writes: Vec<Write<'_>> = [&b"one"[..], b"two", b"three"]
        .into_iter()
        .map(|key| Write {
            database: DatabaseId(0),
            key,
            value: Some(Content::string(b"prepared")),
            expiry_ms: None,
        })
        .collect();
    world.retry(|store| store.prepare(TransactionId(9), &writes));
    assert_eq!(world.store.figures().segments_in_use, 1);
    fill_segment(&mut world);
    world.retry(|store| store.commit_prepared(TransactionId(9)));
    world.put(b"one", b"later");
    assert!(world.delete(b"two"));
    litter(&mut world);
    limit(&mut world, 6);
    for _ in 0..60 {
        world.supply();
        world.store.clean();
        world.turn();
        let mut again = world.reopen().expect("no damage");
        assert_eq!(again.get(b"one").as_deref(), Some(&b"later"[..]));
        assert_eq!(again.get(b"two"), None);
        assert_eq!(again.get(b"three").as_deref(), Some(&b"prepared"[..]));
    }
    assert!(world.store.cleaner_figures().segments > 0, "{:?}", world.store.cleaner_figures());
}

/// A deletion is prepared; the key's record is copied before the transaction ends. The copy is younger than the prepared tombstone,
/// and must not outlive it.
fn with_a_copied_victim() -> World {
    let mut world = World::new();
    world.put(b"victim", b"old");
    for key in 0..90_u32 {
        world.put(&key.to_le_bytes(), &pattern(key.into(), 500));
    }
    fill_segment(&mut world);
    let writes = [Write { database: DatabaseId(0), key: b"victim", value: None, expiry_ms: None }];
    world.retry(|store| store.prepare(TransactionId(9), &writes));
    for key in 0..80_u32 {
        world.put(&key.to_le_bytes(), b"new");
    }
    litter(&mut world);
    limit(&mut world, 6);
    clean_all(&mut world);
    assert_eq!(world.get(b"victim").as_deref(), Some(&b"old"[..]));
    world
}

#[test]
fn a_prepared_deletion_holds_against_a_copy_made_before_its_end() {
    let mut world = with_a_copied_victim();
    world.retry(|store| store.commit_prepared(TransactionId(9)));
    world.store.set_memory(u64::MAX);
    world.store.clean_eagerly();
    for _ in 0..20 {
        world.supply();
        world.store.clean();
        world.turn();
        let mut again = world.reopen().expect("no damage");
        assert_eq!(again.get(b"victim"), None);
    }
}

/// As above, and the preparation's segment goes by itself, as the oldest one and a dead one.
#[test]
fn a_prepared_deletion_holds_when_its_preparation_has_gone() {
    let mut world = with_a_copied_victim();
    let prepared = world.store.transactions.prepared[&TransactionId(9)].opening;
    let (slot, _) = world.store.log.place(prepared);
    let base_lsn = world.store.log.segments[slot].base_lsn;
    world.retry(|store| store.commit_prepared(TransactionId(9)));
    world.store.set_memory(u64::MAX);
    let is_there = |world: &World| {
        world
            .store
            .log
            .order
            .iter()
            .any(|&other| world.store.log.segments[other as usize].base_lsn == base_lsn)
    };
    let mut rounds = 0;
    while is_there(&world) {
        // All that lives beside the preparation dies, what lies beside the copy lives on, and nothing is cleaned.
        for key in (0..80_u32).chain(1_000_000..1_000_600) {
            world.put(&key.to_le_bytes(), b"newer");
        }
        world.put(b"filler", b"newer");
        world.turn();
        world.turn();
        rounds += 1;
        assert!(rounds < 50, "{:?}", world.store.figures());
    }
    assert_eq!(world.get(b"victim"), None);
    let mut again = world.reopen().expect("no damage");
    assert_eq!(again.get(b"victim"), None);
}

/// The word that ends a transaction must be on the disk before the preparation may go.
#[test]
fn a_preparation_stays_until_the_word_about_it_is_durable() {
    let mut world = with_a_copied_victim();
    let prepared = world.store.transactions.prepared[&TransactionId(9)].opening;
    let (slot, _) = world.store.log.place(prepared);
    world.store.set_memory(u64::MAX);
    for _ in 0..3 {
        for key in (0..90_u32).chain(1_000_000..1_000_600) {
            world.put(&key.to_le_bytes(), b"newer");
        }
        world.put(b"filler", b"newer");
        world.turn();
    }
    let segment = &world.store.log.segments[slot];
    assert_eq!((segment.live_bytes, segment.pins), (0, 1), "nothing but the preparation is there");
    world.retry(|store| store.commit_prepared(TransactionId(9)));
    world.write();
    let mut headers = Vec::new();
    world.store.free_dead(&mut headers);
    assert!(headers.is_empty(), "the word is written and not durable");
    world.sync();
    world.put(b"another", b"batch that tells of it");
    world.sync();
    world.store.free_dead(&mut headers);
    let slot = u32::try_from(slot).expect("few segments");
    assert!(headers.contains(&slot), "now it is: {headers:?}");
}

/// A long value's pieces lie before a flush of another database; its head is copied behind it. The flush must not take the pieces.
#[test]
fn a_flush_leaves_the_pieces_of_a_head_that_has_moved_behind_it() {
    let mut world = World::new();
    let value = pattern(4, 30_000);
    world.put_in(5, b"long", &value, None);
    let head = {
        let key = world.store.key(DatabaseId(5), b"long");
        world.store.find(&key).expect("it was set").location
    };
    world.put(b"flushed", b"1");
    world.retry(|store| store.flush(Some(DatabaseId(0))));
    world.turn();
    for _ in 0..3 {
        litter(&mut world);
    }
    world.store.clean_eagerly();
    for _ in 0..40 {
        world.supply();
        world.store.clean();
        world.turn();
        let mut again = world.reopen().expect("no damage");
        assert_eq!(again.contents().get(&(5, b"long".to_vec())), Some(&(value.clone(), None)));
    }
    let key = world.store.key(DatabaseId(5), b"long");
    assert_ne!(world.store.find(&key).expect("it is there").location, head, "it has moved");
}

/// A flush in one database, and keys set again after it: emptying the segment with the flush must not flush them.
#[test]
fn a_flush_does_not_move() {
    let mut world = World::new();
    for key in 0..100_u32 {
        world.put(&key.to_le_bytes(), &pattern(key.into(), 300));
        world.put_in(3, &key.to_le_bytes(), b"flushed", None);
    }
    fill_segment(&mut world);
    world.retry(|store| store.flush(Some(DatabaseId(3))));
    for key in 0..50_u32 {
        world.put_in(3, &key.to_le_bytes(), b"after", None);
    }
    litter(&mut world);
    limit(&mut world, 6);
    for _ in 0..40 {
        world.supply();
        world.store.clean();
        world.turn();
    }
    let mut again = world.reopen().expect("no damage");
    assert_eq!(again.contents(), world.contents());
    assert_eq!(again.store.count(DatabaseId(3)), 50);
}

/// Lets the cleaner do the little that it does in a turn where there is room.
fn rest(world: &mut World, turns: u32) {
    for _ in 0..turns {
        world.supply();
        if world.store.wants_cleaning() {
            world.store.clean();
        }
        world.turn();
    }
}

#[test]
fn starts_leave_no_segments_behind_that_are_nearly_empty() {
    let mut world = World::new();
    for start in 0..24_u32 {
        for key in 0..40_u32 {
            world.put(&(start * 100 + key).to_le_bytes(), &pattern(key.into(), 100));
        }
        // Most of this goes again, and the rest is copied: a few kilobytes of a segment, which the next start seals.
        litter(&mut world);
        for step in 0..600_u32 {
            assert!(world.delete(&(1_000_000 + step).to_le_bytes()));
        }
        limit(&mut world, 12);
        rest(&mut world, 200);
        let before = world.contents();
        world = world.reopen().expect("no damage");
        assert_eq!(world.contents(), before);
    }
    limit(&mut world, 12);
    rest(&mut world, 1_000);
    let figures = world.store.figures();
    let needed = figures.live_bytes / SEGMENT_BYTES as u64 + 1;
    assert!(
        figures.segments_in_use <= needed + SLACK_SEGMENTS as u64 + 4,
        "{needed} hold what lives: {figures:?}"
    );
}

#[test]
fn the_log_stays_within_its_memory_and_keeps_what_lives() {
    let mut world = World::new();
    limit(&mut world, 24);
    let keys = 24 * SEGMENT_BYTES as u64 * 3 / 4 / 220;
    let mut dice = Dice(3);
    for step in 0..60_000_u64 {
        let key = if step < keys { step } else { dice.roll(keys) };
        world.put(&key.to_le_bytes(), &pattern(step, 200));
        if step % 16 == 0 {
            world.store.clean();
            world.turn();
            limit(&mut world, 24);
        }
    }
    clean_all(&mut world);
    // The cleaner may be lent some for a while.
    while world.store.take_surplus().is_some() {}
    let figures = world.store.figures();
    assert!(figures.segments_in_use + figures.segments_ready <= 24, "{figures:?}");
    assert_eq!(figures.keys, keys);
    let mut again = world.reopen().expect("no damage");
    assert_eq!(again.contents(), world.contents());
    assert_eq!(again.store.figures().live_bytes, figures.live_bytes);
}

#[test]
fn a_record_with_a_wrong_crc_is_not_copied() {
    let mut world = World::new();
    for key in 0..100_u32 {
        world.put(&key.to_le_bytes(), &pattern(key.into(), 500));
    }
    let location = {
        let key = world.store.key(DatabaseId(0), b"\x05\0\0\0");
        world.store.find(&key).expect("it was set").location
    };
    let (slot, offset) = world.store.log.place(location);
    world.store.log.segments[slot].memory[offset + 40] ^= 1;
    for key in 10..60_u32 {
        world.put(&key.to_le_bytes(), b"new");
    }
    litter(&mut world);
    limit(&mut world, 6);
    clean_all(&mut world);
    let figures = world.store.cleaner_figures();
    assert_eq!(figures.spoiled, 1, "{figures:?}");
    assert_eq!(world.store.take_spoiled(), Some(u32::try_from(slot).expect("there are few")));
    assert_eq!(world.store.take_spoiled(), None, "it is told once");
    let key = world.store.key(DatabaseId(0), b"\x05\0\0\0");
    assert_eq!(world.store.find(&key).expect("it stays where it is").location, location);
}

/// One change of the model test.
fn change(world: &mut World, model: &mut Contents, dice: &mut Dice, step: u64) {
    let database = if dice.roll(4) == 0 { 5 } else { 0 };
    let key = dice.roll(120).to_le_bytes().to_vec();
    match dice.roll(40) {
        0..=6 if database == 0 => {
            assert_eq!(world.delete(&key), model.remove(&(0, key)).is_some());
        }
        7 => {
            // Longer than a record: pieces.
            let value = pattern(step, 20_000);
            world.put_in(database, &key, &value, None);
            model.insert((database, key), (value, None));
        }
        8 => {
            let expiry = Some(9_000_000_000_000 + step);
            world.put_in(database, &key, b"expires", expiry);
            model.insert((database, key), (b"expires".to_vec(), expiry));
        }
        9..=11 => {
            let value = pattern(step, 30);
            let other = dice.roll(120).to_le_bytes().to_vec();
            let id = TransactionId(step + 1);
            let writes = [
                Write {
                    database: DatabaseId(database),
                    key: &key,
                    value: Some(Content::string(&value)),
                    expiry_ms: None,
                },
                Write { database: DatabaseId(database), key: &other, value: None, expiry_ms: None },
            ];
            world.retry(|store| store.prepare(id, &writes));
            if dice.roll(3) == 0 {
                world.turn();
            }
            if dice.roll(4) == 0 {
                world.retry(|store| store.abort_prepared(id));
            } else {
                world.retry(|store| store.commit_prepared(id));
                model.insert((database, key.clone()), (value, None));
                model.remove(&(database, other));
            }
        }
        12 if dice.roll(6) == 0 => {
            world.retry(|store| store.flush(Some(DatabaseId(5))));
            model.retain(|(database, _), _| *database != 5);
        }
        _ => {
            let length = usize::try_from(dice.roll(700)).expect("small");
            let value = pattern(step, length);
            world.put_in(database, &key, &value, None);
            model.insert((database, key), (value, None));
        }
    }
}

/// Random changes with the cleaner at work; now and then the process is killed, or the power fails in the middle of the writes.
#[test]
fn random_changes_survive_cleaning_kills_and_cuts() {
    let seeds =
        std::env::var("CLEANING_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(12);
    for seed in 0..seeds {
        let mut dice = Dice(seed);
        let mut world = World::new();
        let mut model = Contents::new();
        let segments = 12 + dice.roll(20);
        limit(&mut world, segments);
        // What the store was after each change since the last turn.
        let mut since: Vec<Contents> = vec![model.clone()];
        let mut written = world.disk.written_bytes();
        for step in 0..3_000 {
            change(&mut world, &mut model, &mut dice, step);
            since.push(model.clone());
            if dice.roll(6) > 0 {
                continue;
            }
            if dice.roll(2) == 0 {
                world.store.clean();
            }
            world.write();
            if dice.roll(60) == 0 {
                let all = world.disk.written_bytes();
                let at = written
                    + usize::try_from(dice.roll((all - written) as u64 + 1)).expect("small");
                let mut cut = World::open(&world.disk.cut_at_sector(at), 7)
                    .unwrap_or_else(|damage| panic!("seed {seed} step {step}: {damage}"));
                let contents = settled(&mut cut);
                assert!(
                    since.contains(&contents),
                    "seed {seed} step {step}: a cut at {at} of {all} gives no state that was"
                );
            }
            world.turn();
            limit(&mut world, segments);
            assert_eq!(world.store.figures().filter_bytes, world.store.count_filter_bytes());
            (since, written) = (vec![model.clone()], world.disk.written_bytes());
            if dice.roll(100) == 0 {
                world = world
                    .reopen()
                    .unwrap_or_else(|damage| panic!("seed {seed} step {step}: {damage}"));
                limit(&mut world, segments);
                written = world.disk.written_bytes();
                assert_eq!(world.contents(), model, "seed {seed} step {step}");
            }
        }
        clean_all(&mut world);
        assert_eq!(world.contents(), model, "seed {seed}");
        let live = world.store.figures().live_bytes;
        let mut again = world.reopen().expect("no damage");
        assert_eq!(again.contents(), model, "seed {seed}");
        assert_eq!(again.store.figures().live_bytes, live, "seed {seed}");
    }
}

/// The contents, once transactions without a word have been dropped.
fn settled(world: &mut World) -> Contents {
    world.supply();
    for unresolved in world.recovered.unresolved.clone() {
        world.retry(|store| store.abort_prepared(unresolved.id));
    }
    world.contents()
}

/// What is held is live by 85 % at least, while four fifths of the memory are overwritten again and again.
#[test]
fn a_nearly_full_memory_holds_little_that_is_dead() {
    let mut world = World::new();
    let (segments, value) = (128, [7; 128]);
    limit(&mut world, segments);
    let mut keys = 0_u32;
    while world.store.live_bytes() < segments * SEGMENT_BYTES as u64 * 77 / 100 {
        world.put(&keys.to_le_bytes(), &value);
        keys += 1;
        if keys.is_multiple_of(64) {
            world.turn();
        }
    }
    limit(&mut world, segments);
    let (mut dice, mut least) = (Dice(5), 1.0_f64);
    for step in 0..2 * keys {
        if step % 64 == 0 {
            world.store.clean();
            world.turn();
            world.supply();
            let figures = world.store.figures();
            assert!(figures.segments_in_use + figures.segments_ready <= segments);
            if step > keys {
                least = least.min(figures.live_bytes as f64 / figures.held_bytes as f64);
            }
        }
        let key = u32::try_from(dice.roll(keys.into())).expect("a key's number");
        world.put(&key.to_le_bytes(), &value);
    }
    assert!(least >= 0.85, "{least:.3} of what is held is live");
    let copied = world.store.cleaner_figures().copied_bytes;
    let written = u64::from(2 * keys) * 140;
    // A sixteenth of so small a segment is its header: the rest is fuller, and emptied at a higher price.
    assert!(copied < 7 * written, "{copied} bytes copied for {written}");
}

/// Memory is plenty, and no turn goes by without a write: half of what is held stays live all the same.
#[test]
fn who_writes_all_the_time_leaves_no_more_than_half_dead() {
    let mut world = World::new();
    let mut dice = Dice(5);
    let mut most = 0;
    for step in 0..60_000_u32 {
        let key = dice.roll(1_000);
        world.put(&key.to_le_bytes(), &pattern(step.into(), 500));
        if step % 4 == 0 {
            world.supply();
            if world.store.wants_cleaning() {
                world.store.clean();
            }
            world.turn();
        }
        let figures = world.store.figures();
        let spare = (SLACK_SEGMENTS + 5) * SEGMENT_BYTES;
        let may_be_held = 2 * figures.live_bytes + spare as u64;
        most = most.max(figures.held_bytes.saturating_sub(may_be_held));
    }
    assert_eq!(most, 0, "{:?}", world.store.figures());
}

/// A disk that is late with what was emptied is waited for before too little of what is held is live, and never for good. Where the cleaner
/// went on meanwhile, it would hold its copies beside what they were copied from.
#[test]
fn a_late_disk_is_waited_for_and_all_goes_on_when_it_has_caught_up() {
    let (mut world, mut dice) = (World::new(), Dice(3));
    for key in 0..7_200_u32 {
        world.put(&key.to_le_bytes(), &[1; 500]);
        if key % 50 == 0 {
            world.turn();
        }
    }
    world.turn();
    limit(&mut world, 72);
    let (mut waits, mut least) = (0, 1.0_f64);
    for step in 0..20_000 {
        let key = u32::try_from(dice.roll(7_200)).expect("it is small");
        let room = world.store.room(600);
        if world.store.log.late.writers_wait {
            assert_eq!(room, Room::Later, "step {step}");
            waits += 1;
            // Time passes, and the disk does nothing.
            for _ in 0..50 {
                world.store.clean();
                world.write();
                world.store.set_now(world.store.now_ms() + 1);
            }
            let figures = world.store.figures();
            least = least.min(figures.live_bytes as f64 / figures.held_bytes as f64);
            for _ in 0..4 {
                world.turn();
                world.store.set_now(world.store.now_ms() + 1);
            }
            assert!(!world.store.log.late.writers_wait, "step {step}: {:?}", world.store.figures());
        }
        world.put(&key.to_le_bytes(), &[2; 500]);
        world.store.clean();
        world.write();
        world.store.set_now(world.store.now_ms() + 1);
        if step % 300 == 0 {
            world.turn();
        }
        world.supply();
    }
    assert!(waits > 0, "the disk was never late: {:?}", world.store.figures());
    // A segment is a seventieth of the memory here; it was 0.796 where the cleaner did not wait.
    assert!(least > 0.82, "{least:.3} of what is held is live");
}

#[test]
fn a_slice_ends_when_it_is_enough() {
    let mut world = World::new();
    for step in (0..4_000_u32).chain((0..4_000).step_by(2)) {
        world.put(&step.to_le_bytes(), &[1; 16]);
    }
    fill_segment(&mut world);
    world.store.clean_eagerly();
    let looked_at = |world: &mut World, asked_max: u32| {
        world.supply();
        let (before, mut asked) = (world.store.cleaner_figures().records, 0);
        assert!(world.store.clean_until(|| {
            asked += 1;
            asked == asked_max
        }));
        assert!(asked <= asked_max);
        world.turn();
        world.store.cleaner_figures().records - before
    };
    let [one, three, all] = [1, 3, u32::MAX].map(|asked_max| looked_at(&mut world, asked_max));
    assert!((1..=64).contains(&one), "{one} records");
    assert!(three > one && three <= 4 * one.max(32), "{three} records, and {one}");
    assert!(all > 10 * three, "{all} records of a whole slice, and {three}");
    clean_all(&mut world);
    for step in 0..4_000_u32 {
        assert_eq!(world.get(&step.to_le_bytes()).as_deref(), Some(&[1; 16][..]));
    }
}
