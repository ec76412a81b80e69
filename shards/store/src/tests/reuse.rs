//! Tests of rotation, of the reuse of dead segments, and of what must not come back with it.

use super::disk::{Disk, SEGMENT_BYTES, World, pattern};
use crate::segment::{Header, HeaderState};

#[test]
fn the_log_rotates_and_comes_back() {
    let mut world = World::new();
    for key in 0..2_000_u32 {
        world.put(&key.to_le_bytes(), &pattern(key.into(), 200));
    }
    world.turn();
    assert!(world.store.figures().segments_in_use > 5, "{:?}", world.store.figures());
    let mut again = world.reopen().expect("no damage");
    assert_eq!(again.contents(), world.contents());
    assert_eq!(again.store.figures().live_bytes, world.store.figures().live_bytes);
    assert_eq!(again.recovered.cut, None);
}

#[test]
fn overwriting_runs_in_a_few_segments_for_ever() {
    let mut world = World::new().with_segments_max(4);
    for step in 0..20_000_u32 {
        world.put(&(step % 10).to_le_bytes(), &pattern(step.into(), 300));
        if step % 50 == 0 {
            world.turn();
        }
        if step % 3_000 == 0 {
            world.sync();
            let again = world.reopen().expect("no damage");
            world = again.with_segments_max(4);
            for key in 0..10_u32.min(step + 1) {
                let last = step - (step + 10 - key) % 10;
                let value = world.get(&key.to_le_bytes());
                assert_eq!(value, Some(pattern(last.into(), 300)), "step {step} key {key}");
            }
        }
    }
    assert!(world.disk.files.len() <= 4, "{} files", world.disk.files.len());
}

/// While a snapshot keeps dead segments none is freed. What they wait for besides is written all the same: writers may be waiting for it.
#[test]
fn what_tells_of_dead_segments_is_written_though_none_may_be_freed() {
    let mut world = World::new();
    for step in 0..400_u32 {
        world.put(&(step % 10).to_le_bytes(), &pattern(step.into(), 300));
    }
    for _ in 0..3 {
        world.sync();
    }
    assert!(world.store.log.disk_owes_a_segment(), "one sync tells nothing of itself");
    world.store.tell_of_dead();
    world.sync();
    assert!(!world.store.log.disk_owes_a_segment(), "{:?}", world.store.figures());
}

/// The old value lies in a segment that stays in use for another key; the tombstone's segment dies. Without its anchor the
/// tombstone would be gone and the value back.
#[test]
fn a_tombstone_stays_while_an_older_segment_may_hold_its_key() {
    let mut world = World::new();
    world.put(b"stays", b"1");
    world.put(b"victim", b"old");
    fill_segment(&mut world);
    assert!(world.delete(b"victim"));
    fill_segment(&mut world);
    fill_segment(&mut world);
    world.turn();
    world.turn();
    let mut again = world.reopen().expect("no damage");
    assert_eq!((again.get(b"victim"), again.get(b"stays")), (None, Some(b"1".to_vec())));
}

/// The old value's segment is dead and its header is being freed, but that is not durable when the power fails: the tombstone's
/// segment must not have been freed before.
#[test]
fn a_tombstone_is_freed_only_after_the_older_segment_is_gone_from_the_disk() {
    let mut world = World::new();
    world.put(b"victim", b"old");
    fill_segment(&mut world);
    assert!(world.delete(b"victim"));
    fill_segment(&mut world);
    fill_segment(&mut world);
    for _ in 0..3 {
        world.sync();
        let mut headers = Vec::new();
        world.store.free_dead(&mut headers);
        // No header is written: the disk still has every segment that is not freed.
        let mut again = world.reopen().expect("no damage");
        assert_eq!(again.get(b"victim"), None);
    }
}

#[test]
fn a_dead_tail_of_segments_goes_when_the_oldest_goes() {
    let mut world = World::new();
    for key in 0..3_000_u32 {
        world.put(&key.to_le_bytes(), &pattern(key.into(), 100));
    }
    for key in 0..3_000_u32 {
        assert!(world.delete(&key.to_le_bytes()), "key {key}");
    }
    for _ in 0..40 {
        world.turn();
    }
    assert!(world.store.figures().segments_in_use <= 1, "{:?}", world.store.figures());
    let mut again = world.reopen().expect("no damage");
    assert!(again.contents().is_empty());
}

/// Fills the rest of the active segment with values of one key, so that it holds nothing else that lives.
fn fill_segment(world: &mut World) {
    let segments = world.store.figures().segments_in_use;
    while world.store.figures().segments_in_use == segments {
        world.put(b"filler", &[7; 4000]);
    }
    world.turn();
}

/// Three segments are begun between two syncs, and the power cut keeps the header of the third, but not of the second. What the
/// third holds must not appear without what the second held.
#[test]
fn a_segment_that_never_reached_the_disk_ends_the_log() {
    let mut world = World::new();
    world.put(b"first", b"1");
    world.sync();
    for key in 0..900_u32 {
        world.put(&key.to_le_bytes(), &[1; 200]);
    }
    world.write();
    let ids: Vec<u64> = world.disk.files.keys().copied().collect();
    assert!(ids.len() >= 4, "{ids:?}");
    let mut torn = Disk { files: world.disk.files.clone(), writes: Vec::new() };
    torn.files.get_mut(&ids[1]).unwrap()[..512].fill(0);
    let mut again = World::open(&torn, 2).expect("nothing durable was lost");
    let keys = again.contents().len();
    assert_eq!(again.get(b"first"), Some(b"1".to_vec()));
    assert!(keys < 320, "{keys} keys: only those of the first segment");
    assert!(again.recovered.cut.is_some());
    // What was dropped does not come back with the next start.
    for key in 0..2_000_u32 {
        again.put(&key.to_le_bytes(), &[2; 60]);
    }
    again.turn();
    let mut third = again.reopen().expect("no damage");
    assert_eq!(third.contents(), again.contents());
}

#[test]
fn a_value_may_be_cut_anywhere_and_what_lies_behind_never_comes_back() {
    let mut world = World::new();
    for key in 0..40_u32 {
        world.put(&key.to_le_bytes(), &pattern(key.into(), 50));
        world.write();
    }
    let end = world.disk.written_bytes();
    let first = end - 600;
    for cut in (first..end).step_by(7) {
        let mut damaged = Disk { files: world.disk.files.clone(), writes: Vec::new() };
        // One batch is torn; those behind it are whole and left over.
        let (id, start, _) = damaged_place(&world.disk, cut);
        damaged.files.get_mut(&id).unwrap()[start] ^= 0x5a;
        let mut again = World::open(&damaged, 5).expect("nothing was synced");
        let kept = again.contents();
        for key in 100..103_u32 {
            again.put(&key.to_le_bytes(), &pattern(key.into(), 50));
            again.write();
            let mut third = again.reopen().expect("no damage");
            let mut expected = kept.clone();
            for key in 100..=key {
                let value = (pattern(key.into(), 50), None);
                expected.insert((0, key.to_le_bytes().to_vec()), value);
            }
            assert_eq!(third.contents(), expected, "cut {cut} key {key}");
        }
    }
}

fn damaged_place(disk: &Disk, at: usize) -> (u64, usize, usize) {
    let mut left = at;
    for (id, start, bytes) in &disk.writes {
        if left < bytes.len() {
            return (*id, start + left, bytes.len());
        }
        left -= bytes.len();
    }
    panic!("byte {at} was never written; a segment has {SEGMENT_BYTES}");
}

/// A segment that an earlier start cut off says that it is in use, because its free header was lost. What was written since lies in
/// segments before and behind it, and must not end there.
#[test]
fn a_segment_that_was_cut_off_does_not_come_back_when_its_free_header_was_lost() {
    let mut world = World::new();
    world.put(b"first", b"1");
    world.sync();
    for key in 0..1_500_u32 {
        world.put(&key.to_le_bytes(), &[1; 200]);
    }
    world.write();
    let ids: Vec<u64> = world.disk.files.keys().copied().collect();
    let mut torn = Disk { files: world.disk.files.clone(), writes: Vec::new() };
    torn.files.get_mut(&ids[1]).unwrap()[..512].fill(0);
    let mut again = World::open(&torn, 2).expect("nothing durable was lost");
    let stale: Vec<u64> =
        again.recovered.dropped.iter().map(|&slot| again.store.segment_id(slot)).collect();
    assert!(stale.len() >= 3, "{stale:?}");
    // Written behind the first segment's end, and in two segments more.
    let segments = again.store.figures().segments_in_use;
    for key in 0_u32.. {
        if again.store.figures().segments_in_use == segments + 2 {
            break;
        }
        again.put(&key.to_le_bytes(), &[2; 60]);
    }
    again.put(b"last", b"2");
    again.turn();
    let lost = *stale.last().expect("looked at above");
    let free = Header::read(&again.disk.files[&lost]).expect("a header").expect("not zeros");
    assert_eq!(free.state, HeaderState::Free, "it was not used again");
    again.disk.files.insert(lost, torn.files[&lost].clone());
    let mut third = again.reopen().expect("no damage");
    assert_eq!(third.get(b"last"), Some(b"2".to_vec()));
    assert_eq!(third.contents(), again.contents());
}

/// Two starts from one and the same disk, as from a copy of it: what the first wrote behind its beginning must not follow on the
/// beginning of the second, although lengths, LSNs and the salt are the same.
#[test]
fn what_follows_one_start_cannot_follow_another() {
    let mut world = World::new();
    world.put(b"first", b"1");
    world.sync();
    let start = |entropy| {
        let mut again = World::open(&world.disk, entropy).expect("no damage");
        again.write();
        again
    };
    let (mut one, other) = (start(5), start(6));
    one.put(b"ghost", b"2");
    one.write();
    let (id, place, bytes) = one.disk.writes.last().cloned().expect("written above");
    let mut mixed = other.disk.clone();
    mixed.files.get_mut(&id).unwrap()[place..place + bytes.len()].copy_from_slice(&bytes);
    let mut third = World::open(&mixed, 7).expect("no damage");
    assert_eq!((third.get(b"first"), third.get(b"ghost")), (Some(b"1".to_vec()), None));
}
