//! Tests of copies of what entries wrote, over power cuts that keep of the log and of the copies what they like: a copy may be there, and
//! the word that its entry is applied may not.

use super::fixture::{Groups, applied_state, delete, key_of, put};
use crate::tests::cuts::{Cuts, Dice, copies_in};
use crate::tests::disk::pattern;
use hyperion_model::DatabaseId;

fn index_below(dice: &mut Dice, low: u64, high: u64) -> u64 {
    low + dice.roll(high - low + 1)
}

/// Entries, applications, other keys, slices of the cleaner and syncs in any order.
fn step(groups: &mut Groups, dice: &mut Dice, number: u64) {
    let at = dice.at(1);
    let partition = u16::try_from(at).expect("small");
    let (applied, last) = (groups.models[at].applied, groups.models[at].last());
    let key = key_of(partition, u8::try_from(dice.roll(12)).expect("small"));
    let value = pattern(number, 200 + dice.at(1_500));
    match dice.roll(20) {
        0..4 => groups.build(at, &[put(&key, &value)]),
        4..6 => groups.append(at, last + 1, &[put(&key, &value)]),
        6 => groups.build(at, &[delete(&key)]),
        7 => groups.append(at, index_below(dice, applied + 1, last + 1), &[put(&key, &value)]),
        8..13 => groups.apply(at, index_below(dice, applied, last)),
        13 => groups.cut(at, index_below(dice, applied + 1, last + 1)),
        _ => {
            let other = key_of(2, u8::try_from(dice.roll(40)).expect("small"));
            groups.world.put(&other, &pattern(number, 1_500));
            groups.note();
        }
    }
}

/// A sync that is about what was written before the cleaner went on.
fn sync_amid_cleaning(groups: &mut Groups, cuts: &mut Cuts) {
    groups.world.write();
    let before = Cuts::at(&groups.world.disk);
    let ticket = groups.world.store.begin_sync();
    for _ in 0..3 {
        groups.world.store.clean();
    }
    groups.world.write();
    if let Some(ticket) = ticket {
        groups.world.store.finish_sync(&ticket);
        *cuts = before;
        groups.synced();
    }
    cuts.free(&mut groups.world);
}

/// Whatever is left of the copies, a start finds the same, and it is what was; what follows stays as it is over the next start.
fn cut_and_start(groups: &Groups, cuts: &Cuts, dice: &mut Dice, place: &str) -> usize {
    let [log, copies] = cuts.unsynced(&groups.world.disk);
    let kept = dice.at(log);
    let mut found = None;
    for copies_kept in [copies, 0, dice.at(copies)] {
        let place = format!("{place}: {kept} of {log} and {copies_kept} of {copies}");
        let disk = cuts.cut(&groups.world.disk, [kept, copies_kept]);
        let mut started = groups.start_from(&disk, &place);
        // The groups' own partitions are compared with the models.
        let now = (started.models.clone(), applied_state(&started.world.store, 2));
        let before = found.get_or_insert_with(|| now.clone());
        assert!(*before == now, "{place}: the copies made a difference");
        for at in 0..2 {
            started.apply(at, started.models[at].last());
        }
        started.check();
        started.synced();
        let mut started = started.start_from(&started.world.disk, &place);
        started.clean(4);
        started.synced();
        started.start_from(&started.world.disk, &place);
    }
    copies
}

#[test]
fn copies_of_entries_may_be_missing_or_ahead() {
    let seeds =
        std::env::var("COPIES_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(2);
    let (mut torn, mut copied) = (0, 0);
    for seed in 0..seeds {
        let mut dice = Dice(seed);
        let mut groups = Groups::new(24);
        let mut cuts = Cuts::at(&groups.world.disk);
        for number in 0..1_200 {
            step(&mut groups, &mut dice, number);
            groups.limit();
            match dice.roll(24) {
                0..12 => {
                    groups.world.store.clean();
                    groups.note();
                }
                12 => sync_amid_cleaning(&mut groups, &mut cuts),
                13 => {
                    let place = format!("seed {seed} step {number}");
                    torn += usize::from(cut_and_start(&groups, &cuts, &mut dice, &place) > 0);
                }
                _ => {}
            }
        }
        groups.check();
        copied += copies_in(&groups.world.disk).len();
    }
    assert!(torn > 10 && copied > 0, "{torn} cuts among copies, {copied} segments of them");
}

/// What an entry wrote is durable, and the word that it is applied is not: the cleaner leaves it until it is.
#[test]
fn what_an_entry_wrote_is_copied_when_its_application_is_durable() {
    let mut groups = Groups::new(24);
    let key = key_of(0, 1);
    groups.build(0, &[put(&key, &[1; 1_000])]);
    // The entry's segment is full, durable, and most of it dead.
    for number in 0..200 {
        groups.world.put(&key_of(2, number % 4), &[7; 2_000]);
    }
    groups.clean(10);
    let mut cuts = Cuts::at(&groups.world.disk);
    groups.synced();
    groups.apply(0, 1);
    for _ in 0..20 {
        groups.world.supply();
        groups.world.store.clean();
        groups.world.write();
    }
    let is_copy = |groups: &mut Groups| {
        let key = groups.world.store.key(DatabaseId(0), &key);
        let found = groups.world.store.find(&key).expect("it is there");
        groups.world.store.log.is_copy(found.location)
    };
    assert!(!is_copy(&mut groups), "a copy that a crash finds without its entry's application");
    let [_, copies] = cuts.unsynced(&groups.world.disk);
    let disk = cuts.cut(&groups.world.disk, [0, copies]);
    let started = groups.start_from(&disk, "the log lost all");
    assert_eq!((started.models[0].applied, started.models[0].last()), (0, 1));
    cuts.sync(&mut groups.world);
    groups.synced();
    groups.clean(20);
    assert!(is_copy(&mut groups), "nothing was copied: the test shows nothing");
    groups.crash(0);
    assert_eq!(groups.models[0].applied, 1);
}

/// A deletion waits, and is cut; the key's record is copied. A crash loses the cut alone: the deletion waits again, and when it is applied
/// nothing behind it may bring the key back.
#[test]
fn what_a_cut_lets_go_is_copied_when_the_cut_is_durable() {
    let mut groups = Groups::new(24);
    let key = key_of(0, 1);
    groups.build(0, &[put(&key, &[1; 1_000])]);
    groups.apply(0, 1);
    for number in 0..200 {
        groups.world.put(&key_of(2, number % 4), &[7; 2_000]);
    }
    groups.append(0, 2, &[delete(&key)]);
    let mut cuts = Cuts::at(&groups.world.disk);
    cuts.sync(&mut groups.world);
    groups.synced();
    groups.cut(0, 2);
    for _ in 0..20 {
        groups.world.supply();
        groups.world.store.clean();
        groups.world.write();
    }
    let [_, copies] = cuts.unsynced(&groups.world.disk);
    let disk = cuts.cut(&groups.world.disk, [0, copies]);
    let mut started = groups.start_from(&disk, "the log lost the cut");
    assert_eq!(started.models[0].last(), 2);
    started.apply(0, 2);
    started.synced();
    started.start_from(&started.world.disk, "after the deletion");
    cuts.sync(&mut groups.world);
    let before = groups.world.store.cleaner_figures().copied_bytes;
    groups.clean(20);
    assert!(groups.world.store.cleaner_figures().copied_bytes > before, "nothing was copied");
}
