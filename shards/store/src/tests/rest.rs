//! Tests of what happens while nobody writes.

use super::cleaning::clean_all;
use super::disk::{SEGMENT_BYTES, World, pattern};
use crate::HEADER_BYTES;

/// Lets time pass without a write.
fn rest(world: &mut World) {
    for _ in 0..4 {
        world.store.set_now(world.store.now_ms() + 2_500);
        clean_all(world);
    }
}

/// Keys of which half were written twice, so that all segments hold something dead.
fn written() -> World {
    let mut world = World::new();
    for step in (0..1_000_u32).chain((0..1_000).step_by(2)) {
        world.put(&step.to_le_bytes(), &pattern(step.into(), 500));
    }
    world.turn();
    world
}

#[test]
fn what_is_dead_goes_where_nobody_writes() {
    let mut world = written();
    clean_all(&mut world);
    let (before, contents) = (world.store.figures(), world.contents());
    assert!(before.held_bytes > before.live_bytes / 5 * 7, "memory is plenty: {before:?}");
    rest(&mut world);
    let after = world.store.figures();
    let left = after.held_bytes - after.live_bytes;
    let most = after.held_bytes / 8 + SEGMENT_BYTES as u64;
    assert!(left <= most, "{left} bytes are dead: {after:?}");
    assert_eq!(world.contents(), contents);
    assert_eq!(world.reopen().expect("no damage").contents(), contents);
}

/// Chunks are copied to the log itself: that is no writing, so the rest goes on, and all is done in a few seconds.
#[test]
fn a_rest_is_not_ended_by_what_the_cleaner_appends() {
    let mut world = World::new();
    for step in (0..120_u32).chain((0..120).step_by(2)) {
        world.put(&step.to_le_bytes(), &pattern(step.into(), 20_000));
    }
    world.turn();
    for _ in 0..80 {
        world.store.set_now(world.store.now_ms() + 100);
        world.supply();
        world.store.clean();
        world.turn();
    }
    let figures = world.store.figures();
    let heads = figures.segments_in_use * HEADER_BYTES as u64;
    let left = figures.held_bytes - figures.live_bytes - heads;
    let most = figures.held_bytes / 8 + SEGMENT_BYTES as u64;
    assert!(left <= most, "{left} bytes are dead: {figures:?}");
}

#[test]
fn who_writes_now_and_then_is_not_cleaned_for() {
    let mut world = written();
    for step in 0..20_u32 {
        world.put(&step.to_le_bytes(), &[1; 500]);
        world.store.set_now(world.store.now_ms() + 1_000);
        clean_all(&mut world);
    }
    assert_eq!(world.store.cleaner_figures().segments, 0);
}

#[test]
fn memory_in_which_nothing_lies_is_given_back() {
    let mut world = written();
    while world.store.take_unbacked().is_some() {}
    let mut given = 0;
    world.store.give_idle(|memory| given += memory.len());
    assert_eq!(given, 0, "somebody writes");
    rest(&mut world);
    for _ in 0..20 {
        let mut part = 0;
        world.store.give_idle(|memory| {
            part += memory.len();
            memory.fill(0);
        });
        assert!(part < 5 * SEGMENT_BYTES, "{part} bytes were given at once");
        given += part;
    }
    assert!(given > 5 * SEGMENT_BYTES, "{given} bytes were given");
    world.store.give_idle(|_| panic!("they were given"));
    assert_eq!(world.store.take_unbacked(), None, "nobody writes");
    let contents = world.contents();
    assert_eq!(world.reopen().expect("no damage").contents(), contents);

    // What is filled next is asked for, and can be filled.
    world.put(b"more", &[2; 1_000]);
    world.store.set_now(world.store.now_ms() + 1);
    let wanted = world.store.take_unbacked().expect("a segment is being filled");
    assert!(wanted.bytes < SEGMENT_BYTES);
    for step in 0..300_u32 {
        world.put(&step.to_le_bytes(), &pattern(step.into(), 600));
    }
    world.turn();
    assert_eq!(world.reopen().expect("no damage").contents(), world.contents());
}
