//! Tests of what lies beside the log: any part of it may be missing or ahead after a crash, and what is durable is never missed.

use super::cuts::{Cuts, Dice, copies_in, role_of};
use super::disk::{Contents, Disk, SEGMENT_BYTES, World, pattern};
use crate::segment::{Header, HeaderState, Role};
use crate::{Content, Room, Store, Write};
use hyperion_model::{CoreId, DatabaseId, TransactionId};

fn limit(world: &mut World, segments: u64) {
    let index = world.store.bytes_beside();
    world.store.set_memory(index + segments * SEGMENT_BYTES as u64);
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
                value: Some(Content::string(&value)),
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
    let writes = [Write {
        database: DatabaseId(0),
        key: b"t",
        value: Some(Content::string(b"new")),
        expiry_ms: None,
    }];
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

/// Headers of segments of copies that were freed.
fn freed_copies(disk: &Disk) -> usize {
    let headers = disk.writes.iter().filter(|(_, start, _)| *start == 0);
    let headers = headers.filter_map(|(_, _, bytes)| Header::read(bytes).ok().flatten());
    headers.filter(|it| it.role.is_copies() && it.state == HeaderState::Free).count()
}

/// In a memory of few segments what lies beside the log must be emptied again and again, or nothing is left to write to.
#[test]
fn copies_give_their_segments_back_in_a_small_memory() {
    for segments in [8, 10, 12, 16, 24] {
        let mut world = World::new();
        let mut dice = Dice(segments);
        let memory = segments * SEGMENT_BYTES as u64;
        // As much as eviction leaves, but for what the test writes between two looks.
        limit(&mut world, segments);
        let beside = world.store.bytes_beside();
        let keys = world.store.live_bytes_max(beside + memory) / 100 * 95 / 420;
        let (mut written, mut model) = (0, vec![0; usize::try_from(keys).expect("few")]);
        for step in 0..memory * 20 / 420 {
            let key = if step < keys { step } else { dice.roll(keys) };
            let value = pattern(step, 400);
            model[usize::try_from(key).expect("few")] = step;
            let expiry = (key % 4 == 0).then_some(1 << 42);
            for _ in 0..40 {
                world.supply();
                if world.store.room(480) == Room::Now {
                    break;
                }
                world.store.clean();
                world.turn();
            }
            world.put_in(0, &key.to_le_bytes(), &value, expiry);
            written += 420;
            limit(&mut world, segments);
            world.store.clean();
            if step % 16 == 0 {
                world.turn();
                // Two more, where all was used up.
                let made = world.store.figures().segments_in_use;
                assert!(made <= segments + 2, "{made} of {segments} after {written} bytes");
            }
        }
        let freed = freed_copies(&world.disk) as u64;
        assert!(freed > segments * 4, "{freed} segments of copies were freed, of {segments}");
        for (key, step) in (0_u64..).zip(model) {
            assert_eq!(world.get(&key.to_le_bytes()), Some(pattern(step, 400)), "key {key}");
        }
    }
}
