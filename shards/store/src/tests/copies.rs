//! Tests of what lies beside the log: any part of it may be missing or ahead after a crash, and what is durable is never missed.

use super::disk::{Contents, Disk, SEGMENT_BYTES, World, pattern};
use crate::segment::{Header, HeaderState, Role};
use crate::{Store, Write};
use hyperion_model::{CoreId, DatabaseId, TransactionId};

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % sides
    }

    fn at(&mut self, most: usize) -> usize {
        usize::try_from(self.roll(most as u64 + 1)).expect("small")
    }
}

fn limit(world: &mut World, segments: u64) {
    let index = world.store.bytes_beside();
    world.store.set_memory(index + segments * SEGMENT_BYTES as u64);
}

fn role_of(bytes: &[u8]) -> Option<Role> {
    Header::read(bytes).ok().flatten().map(|header| header.role)
}

fn copies_in(disk: &Disk) -> Vec<u64> {
    let is_copies = |bytes: &&Vec<u8>| role_of(bytes).is_some_and(Role::is_copies);
    disk.files.iter().filter(|(_, bytes)| is_copies(bytes)).map(|(&id, _)| id).collect()
}

/// What a power cut may leave: all that was synced, a beginning of what was written to the log since, another of the copies, and every
/// header that was freed, for those are synced one by one.
struct Cuts {
    /// Files as they were synced last, and writes until then.
    base: Disk,
    synced: usize,
    /// Places of freed headers among the writes.
    freed: Vec<usize>,
}

impl Cuts {
    fn at(disk: &Disk) -> Self {
        let base = Disk { files: disk.files.clone(), writes: Vec::new() };
        Self { base, synced: disk.writes.len(), freed: Vec::new() }
    }

    fn sync(&mut self, world: &mut World) {
        world.sync();
        *self = Self::at(&world.disk);
    }

    fn free(&mut self, world: &mut World) {
        let before = world.disk.writes.len();
        world.free();
        self.freed.extend(before..world.disk.writes.len());
    }

    /// Bytes written to the log and beside it since the sync.
    fn unsynced(&self, disk: &Disk) -> [usize; 2] {
        let (mut bytes, copies) = ([0; 2], copies_in(disk));
        for (at, (id, _, written)) in disk.writes.iter().enumerate().skip(self.synced) {
            if !self.freed.contains(&at) {
                bytes[usize::from(copies.contains(id))] += written.len();
            }
        }
        bytes
    }

    fn cut(&self, disk: &Disk, mut left: [usize; 2]) -> Disk {
        let copies = copies_in(disk);
        let mut cut = self.base.clone();
        for (at, (id, start, written)) in disk.writes.iter().enumerate().skip(self.synced) {
            let stays = self.freed.contains(&at);
            let left = &mut left[usize::from(copies.contains(id))];
            let mut taken = written.len();
            if !stays && *left < taken {
                // Whole sectors.
                taken = ((start + *left) / 512 * 512).saturating_sub(*start);
                *left = 0;
            } else if !stays {
                *left -= taken;
            }
            if taken > 0 {
                cut.put(*id, *start, &written[..taken]);
            }
        }
        cut
    }
}

fn change(world: &mut World, model: &mut Contents, dice: &mut Dice, step: u64) {
    let key = dice.roll(160).to_le_bytes().to_vec();
    match dice.roll(16) {
        0..3 => {
            world.delete(&key);
            model.remove(&(0, key));
        }
        3..6 => {
            let value = pattern(step, 300);
            world.put_in(0, &key, &value, Some(1 << 42));
            model.insert((0, key), (value, Some(1 << 42)));
        }
        6 => {
            let value = pattern(step, 200);
            let id = TransactionId::new(1, CoreId(0), step);
            let writes = [Write {
                database: DatabaseId(0),
                key: &key,
                value: Some(&value),
                expiry_ms: None,
            }];
            world.retry(|store| store.prepare(id, &writes));
            world.retry(|store| store.commit_prepared(id));
            model.insert((0, key), (value, None));
        }
        7 if dice.roll(40) == 0 => {
            world.retry(|store: &mut Store| store.flush(Some(DatabaseId(0))));
            model.clear();
        }
        _ => {
            let value = pattern(step, dice.at(900));
            world.put(&key, &value);
            model.insert((0, key), (value, None));
        }
    }
}

fn settled(world: &mut World) -> Contents {
    world.supply();
    for unresolved in world.recovered.unresolved.clone() {
        world.retry(|store| store.abort_prepared(unresolved.id));
    }
    world.contents()
}

/// Changes, slices of the cleaner, syncs and freed segments in any order, and power cuts that keep of the log and of the copies what
/// they like. The log alone says what is there, and what is changed afterwards stays changed.
#[test]
fn copies_may_be_missing_or_ahead() {
    let seeds =
        std::env::var("COPIES_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(4);
    let (mut apart, mut torn) = (0, 0);
    for seed in 0..seeds {
        let mut dice = Dice(seed);
        let mut world = World::new();
        world.store.clean_eagerly();
        let mut model = Contents::new();
        let mut cuts = Cuts::at(&world.disk);
        let segments = 12 + dice.roll(20);
        let mut since = vec![model.clone()];
        for step in 0..1_500 {
            change(&mut world, &mut model, &mut dice, step);
            since.push(model.clone());
            limit(&mut world, segments);
            match dice.roll(10) {
                0..5 => {
                    world.store.clean();
                }
                5 => {
                    // The sync is about what was written before the cleaner went on.
                    world.write();
                    let ticket = world.store.begin_sync();
                    let synced = Cuts::at(&world.disk);
                    for _ in 0..3 {
                        world.store.clean();
                    }
                    world.write();
                    if let Some(ticket) = ticket {
                        world.store.finish_sync(&ticket);
                        (cuts, since) = (synced, vec![model.clone()]);
                    }
                    cuts.free(&mut world);
                }
                6 if dice.roll(3) == 0 => {
                    cuts.sync(&mut world);
                    since = vec![model.clone()];
                    cuts.free(&mut world);
                }
                7 => {
                    world.write();
                    let all = cuts.unsynced(&world.disk);
                    let log = dice.at(all[0]);
                    torn += usize::from(all[1] > 0);
                    let mut found: Option<Contents> = None;
                    for copies in [all[1], 0, dice.at(all[1])] {
                        let place = format!("seed {seed} step {step}: {log} {copies} of {all:?}");
                        let disk = cuts.cut(&world.disk, [log, copies]);
                        let mut cut = World::open(&disk, step)
                            .unwrap_or_else(|damage| panic!("{place}: {damage}"));
                        let contents = settled(&mut cut);
                        assert!(since.contains(&contents), "{place}: no state that was");
                        let before = found.get_or_insert_with(|| contents.clone());
                        assert!(*before == contents, "{place}: the copies made a difference");
                        // What is written on survives the next start.
                        let mut model = contents;
                        for number in 0..160_u64 {
                            let key = number.to_le_bytes();
                            if number % 3 == 0 {
                                cut.put(&key, b"later");
                                model.insert((0, key.to_vec()), (b"later".to_vec(), None));
                            } else if number % 3 == 1 {
                                cut.delete(&key);
                                model.remove(&(0, key.to_vec()));
                            }
                        }
                        cut.write();
                        let mut again = cut.reopen().expect("no damage");
                        assert!(again.contents() == model, "{place}: after the next start");
                    }
                }
                _ => {}
            }
        }
        apart += copies_in(&world.disk).len();
        cuts.sync(&mut world);
        let live = world.store.live_bytes();
        let mut again = world.reopen().expect("no damage");
        assert!(again.contents() == model, "seed {seed}");
        assert_eq!(again.store.live_bytes(), live, "seed {seed}");
    }
    assert!(apart > 0 && torn > 20, "{apart} segments of copies, {torn} cuts among them");
}

/// What a transaction wrote is copied only when its end is durable: else the copies could be ahead of a log that knows of no end.
#[test]
fn what_a_transaction_wrote_waits_for_its_end() {
    let mut world = World::new();
    let id = TransactionId::new(1, CoreId(0), 1);
    let writes =
        [Write { database: DatabaseId(0), key: b"t", value: Some(b"new"), expiry_ms: None }];
    world.retry(|store| store.prepare(id, &writes));
    fill(&mut world, 400);
    fill(&mut world, 400);
    limit(&mut world, 32);
    world.store.clean_eagerly();
    let cuts = Cuts::at(&world.disk);
    world.retry(|store| store.commit_prepared(id));
    for _ in 0..40 {
        world.supply();
        world.store.clean();
        world.write();
    }
    let [_, copies] = cuts.unsynced(&world.disk);
    assert!(copies > 0, "nothing was copied");
    let mut cut = World::open(&cuts.cut(&world.disk, [0, copies]), 3).expect("no damage");
    assert_eq!(settled(&mut cut).get(&(0, b"t".to_vec())), None);
    clean(&mut world, 40);
    let copy = location(&mut world, b"t");
    assert!(world.store.log.is_copy(copy));
}

/// A key lies in a segment of copies alone, and is deleted; the tombstone's segment is emptied. The tombstone must move along.
#[test]
fn a_tombstone_stays_while_copies_may_hold_its_key() {
    let mut world = World::new();
    fill(&mut world, 400);
    world.put(b"victim", b"old");
    fill(&mut world, 400);
    clean(&mut world, 40);
    let copy = location(&mut world, b"victim");
    assert!(world.store.log.is_copy(copy));
    assert!(world.delete(b"victim"));
    for _ in 0..4 {
        fill(&mut world, 400);
        clean(&mut world, 40);
        let mut again = world.reopen().expect("no damage");
        assert_eq!(again.get(b"victim"), None);
        assert!(again.contents() == world.contents());
    }
}

fn location(world: &mut World, key: &[u8]) -> u64 {
    let key = world.store.key(DatabaseId(0), key);
    world.store.find(&key).expect("it is there").location
}

/// Sets keys anew, half of them always the same.
fn fill(world: &mut World, keys: u32) {
    for key in 0..keys {
        let number = if key % 2 == 0 { key } else { 1_000 + key % 50 };
        world.put(&number.to_le_bytes(), &pattern(key.into(), 400));
        if key % 20 == 0 {
            world.turn();
        }
    }
    world.turn();
}

fn clean(world: &mut World, slices: usize) {
    limit(world, 32);
    world.store.clean_eagerly();
    for _ in 0..slices {
        world.supply();
        world.store.clean();
        world.turn();
    }
}

/// What was copied may be all that is left of a record: damage to it is damage, and a salvage names its keys.
#[test]
fn a_damaged_copy_is_refused_when_it_had_been_durable() {
    let mut world = World::new();
    fill(&mut world, 800);
    clean(&mut world, 60);
    fill(&mut world, 200);
    clean(&mut world, 10);
    let (mut refused, mut kept) = (0, 0);
    let contents = world.contents();
    for id in copies_in(&world.disk) {
        let used = world.disk.files[&id].iter().rposition(|&byte| byte != 0).expect("used");
        for at in (4096..used).step_by(701) {
            let mut disk = Disk { files: world.disk.files.clone(), writes: Vec::new() };
            disk.files.get_mut(&id).unwrap()[at] ^= 4;
            match World::open(&disk, 2) {
                Err(damage) => {
                    assert_eq!(damage.segment, id, "{damage}");
                    refused += 1;
                }
                // Nothing behind it tells that it had been durable, or it was dead.
                Ok(mut again) => {
                    kept += u64::from(again.contents() == contents);
                }
            }
        }
    }
    assert!(refused > 20, "{refused} refused, {kept} without harm");
}

/// What expires is copied apart from what does not: when its time has come, its segment goes as it is.
#[test]
fn what_expires_is_copied_apart() {
    let mut world = World::new();
    for key in 0..1_200_u32 {
        let expiry = (key % 2 == 0).then_some(2_000_000);
        world.put_in(0, &key.to_le_bytes(), &pattern(key.into(), 300), expiry);
    }
    for key in (0..1_200_u32).step_by(8) {
        world.put(&key.to_le_bytes(), b"short");
    }
    world.turn();
    clean(&mut world, 80);
    let roles: Vec<Option<Role>> = world.disk.files.values().map(|bytes| role_of(bytes)).collect();
    assert!(roles.contains(&Some(Role::Copies)), "{roles:?}");
    assert!(roles.contains(&Some(Role::ExpiringCopies)), "{roles:?}");
    // Some lie among the others, where no segment was ready.
    let mut astray = 0;
    for key in 0..1_200_u32 {
        let (key, expires) = (key.to_le_bytes(), key % 2 == 0 && key % 8 != 0);
        let at = location(&mut world, &key);
        let segment = &world.store.log.segments[world.store.log.place(at).0];
        let wrong = if expires { Role::Copies } else { Role::ExpiringCopies };
        astray += u32::from(segment.role == wrong);
    }
    assert!(astray < 200, "{astray} keys lie among others");
    let mut again = world.reopen().expect("no damage");
    assert!(again.contents() == world.contents());
}

/// A clean stop seals what was copied: damage behind it is damage, wherever it is.
#[test]
fn the_last_word_before_a_stop_is_about_the_copies_too() {
    let mut world = World::new();
    fill(&mut world, 800);
    clean(&mut world, 60);
    world.store.tell_durable();
    world.sync();
    world.sync();
    let mut sealed = 0;
    for id in copies_in(&world.disk) {
        let file = &world.disk.files[&id];
        if Header::read(file).ok().flatten().is_none_or(|it| it.state == HeaderState::Free) {
            continue;
        }
        sealed += 1;
        let slot = world.store.slot_of(id).expect("it is in use") as usize;
        let used = world.store.log.segments[slot].filled;
        // In the last record before the seal.
        let mut disk = Disk { files: world.disk.files.clone(), writes: Vec::new() };
        disk.files.get_mut(&id).unwrap()[used - 150] ^= 4;
        let refused = World::open(&disk, 2).err();
        assert_eq!(refused.map(|damage| damage.segment), Some(id));
    }
    assert!(sealed > 0, "{sealed} segments of copies");
}
