//! Tests of long strings that are written ahead of their command, a part a turn.

use super::disk::{World, pattern};
use crate::{Content, Room, StagedAt, StagedText, Store, StoreError, Write};
use hyperion_model::{DatabaseId, TransactionId};

const DATABASE: DatabaseId = DatabaseId(0);
/// Bytes that one call stages, and what it may write beside: the rest of a chunk, heads, the header and the seal of a segment.
const PART: usize = 20_000;
const BESIDE: usize = 8_192 + 5_000;

fn text<'a>(store: &Store, key: &'a [u8], at: StagedAt, value: &'a [u8]) -> StagedText<'a> {
    StagedText { key: store.key(DATABASE, key), at, value }
}

/// Stages until all is written; no call writes more than its part. Gives the number of calls.
fn stage_all(world: &mut World, texts: &[StagedText<'_>]) -> usize {
    let (mut is_new, mut calls) = (true, 0);
    loop {
        world.supply();
        world.write();
        let before = world.disk.written_bytes();
        let staged = world.store.stage(texts, PART, std::mem::take(&mut is_new));
        world.write();
        let written = world.disk.written_bytes() - before;
        assert!(written <= PART + BESIDE, "{written} bytes in one call");
        calls += 1;
        match staged {
            Ok(true) => return calls,
            Ok(false) => world.store.clean_eagerly(),
            Err(error) => assert!(matches!(error, StoreError::NoRoom { .. }), "{error}"),
        }
        world.store.clean();
        world.turn();
        assert!(calls < 1_000, "no room: {:?}", world.store.figures());
    }
}

/// Runs a command that writes into a string, of which all was staged. `false`: it could not be used.
fn write(world: &mut World, key: &[u8], offset: usize, value: &[u8]) -> bool {
    let text = text(&world.store, key, StagedAt::Offset(offset), value);
    world.retry(|store| {
        store.offer_staged(&[text]);
        let key = store.key(DATABASE, key);
        let found = store.find(&key).expect("it is there");
        store.write_staged(&key, &found, offset, value).transpose().map(|done| done.is_some())
    })
}

fn overwrite(text: &mut Vec<u8>, offset: usize, value: &[u8]) {
    text.resize(text.len().max(offset + value.len()), 0);
    text[offset..offset + value.len()].copy_from_slice(value);
}

/// A long string that is written ahead of its command is nothing until then, and nothing after a start.
#[test]
fn a_staged_value_is_there_with_its_command() {
    let value = pattern(1, 100_000);
    let mut world = World::new();
    let whole = |world: &World| text(&world.store, b"long", StagedAt::Whole, &value);
    let texts = [whole(&world)];
    assert!(stage_all(&mut world, &texts) >= 4);
    assert_eq!(world.get(b"long"), None);
    world.turn();
    let before = world.disk.written_bytes();
    world.store.offer_staged(&texts);
    world.put(b"long", &value);
    world.turn();
    assert!(world.disk.written_bytes() - before < 1_000, "the chunks were there");
    assert!(!world.store.has_staged());
    assert!(world.get(b"long").as_ref() == Some(&value));
    assert!(world.reopen().expect("no damage").get(b"long").as_ref() == Some(&value));
    // Another value of the same length does not get them.
    let other = pattern(2, 100_000);
    stage_all(&mut world, &texts);
    world.store.offer_staged(&texts);
    world.put(b"long", &other);
    assert!(world.get(b"long").as_ref() == Some(&other));
    world.turn();
    // Left alone, it goes; a start does not see it.
    let again = world.reopen().expect("no damage");
    world.store.drop_staged();
    assert_eq!(world.store.figures().live_bytes, again.store.figures().live_bytes);
    stage_all(&mut world, &texts);
    world.retry(|store| store.flush(None));
    assert!(!world.store.has_staged());
    stage_all(&mut world, &texts);
    world.store.offer_staged(&texts);
    world.put(b"long", &value);
    assert!(world.get(b"long").as_ref() == Some(&value));
}

/// Beside a model: texts over, behind and far behind a string, of any length; readers see the string as it was until the command runs.
#[test]
fn a_staged_text_goes_into_a_string() {
    let mut world = World::new();
    let mut expected = pattern(0, 5_000);
    world.put(b"text", &expected);
    let mut dice = Dice(5);
    for step in 0..250 {
        let length = [1, 300, 8_184, 9_000, 30_000, 90_000][dice.roll(6)];
        let offset = match dice.roll(4) {
            0 => expected.len(),
            1 => expected.len() + [1, 9_000, 70_000][dice.roll(3)],
            _ => dice.roll(expected.len()),
        };
        let value = pattern(step, length);
        let texts = [text(&world.store, b"text", StagedAt::Offset(offset), &value)];
        stage_all(&mut world, &texts);
        assert!(world.get(b"text").as_ref() == Some(&expected), "step {step}, staged");
        if step % 5 == 4 {
            world.store.drop_staged();
            assert!(world.get(b"text").as_ref() == Some(&expected), "step {step}, dropped");
            continue;
        }
        let before = world.disk.written_bytes();
        assert!(write(&mut world, b"text", offset, &value), "step {step}");
        world.turn();
        let written = world.disk.written_bytes() - before;
        assert!(written <= 4 * 8_192 + BESIDE, "step {step}: {written} bytes with the command");
        overwrite(&mut expected, offset, &value);
        assert!(world.get(b"text").as_ref() == Some(&expected), "step {step}");
        let mut range = Vec::new();
        let (from, to) = (dice.roll(expected.len()), dice.roll(expected.len()));
        let (from, to) = (from.min(to), from.max(to));
        let key = world.store.key(DATABASE, b"text");
        let found = world.store.find(&key).expect("it is there");
        world.store.value(&found).copy_range(from, to, &mut range);
        assert!(range == expected[from..to], "step {step}, {from}..{to}");
        let figures = world.store.figures();
        if step % 10 == 0 {
            let again = world.reopen().expect("no damage");
            assert_eq!(figures.live_bytes, again.store.figures().live_bytes, "step {step}");
            world = again;
            assert!(world.get(b"text").as_ref() == Some(&expected), "step {step}, after a start");
        }
        if expected.len() > 300_000 {
            expected = pattern(step, [20, 4_097, 20_000][dice.roll(3)]);
            world.put(b"text", &expected);
        }
    }
}

#[test]
fn a_string_that_has_changed_does_not_get_what_was_staged_for_it() {
    let value = pattern(1, 50_000);
    for before in [5_000, 40_000] {
        for change in 0..4 {
            let mut world = World::new();
            world.put(b"text", &pattern(2, before));
            let texts = [text(&world.store, b"text", StagedAt::End, &value)];
            stage_all(&mut world, &texts);
            match change {
                0 => world.put(b"text", &pattern(3, before)),
                1 => world.retry(|store| {
                    let key = store.key(DATABASE, b"text");
                    let found = store.find(&key).expect("it is there");
                    store.write_text(&key, &found, 0, &[b"other"])
                }),
                2 => {
                    let key = world.store.key(DATABASE, b"text");
                    let found = world.store.find(&key).expect("it is there");
                    let Some(handle) = world.store.handle(&found) else { continue };
                    world.store.pin_value(handle);
                }
                _ => {
                    assert!(world.delete(b"text"));
                    world.put(b"text", b"new");
                }
            }
            let length = world.get(b"text").expect("it is there").len();
            assert!(!write(&mut world, b"text", length, &value), "{before}, change {change}");
            world.store.drop_staged();
            while world.store.count_detached() {}
            world.turn();
            let again = world.reopen().expect("no damage");
            let live_bytes = again.store.figures().live_bytes;
            assert_eq!(world.store.figures().live_bytes, live_bytes, "{before}, change {change}");
        }
    }
}

#[test]
fn a_key_that_goes_takes_with_it_what_was_staged_for_it() {
    let value = pattern(1, 50_000);
    let mut world = World::new();
    world.put(b"text", &pattern(2, 40_000));
    let texts = [text(&world.store, b"text", StagedAt::End, &value)];
    assert!(!world.retry(|store| store.stage(&texts, PART, true)));
    assert!(world.delete(b"text"));
    while !world.retry(|store| store.stage(&texts, PART, false)) {}
    world.store.drop_staged();
    while world.store.count_detached() {}
    assert_eq!(world.store.figures().object_bytes, 0);
    world.turn();
    let again = world.reopen().expect("no damage");
    assert_eq!(world.store.figures().live_bytes, again.store.figures().live_bytes);
    assert!(again.store.figures().keys == 0);
}

#[test]
fn a_string_is_whole_before_or_after_wherever_the_log_ends() {
    let (first, second) = (pattern(2, 30_000), pattern(1, 40_000));
    let mut world = World::new();
    world.put(b"text", &first);
    world.write();
    let begin = world.disk.written_bytes();
    let texts = [text(&world.store, b"text", StagedAt::Offset(10_000), &second)];
    stage_all(&mut world, &texts);
    assert!(write(&mut world, b"text", 10_000, &second));
    world.write();
    let end = world.disk.written_bytes();
    let mut after = first.clone();
    overwrite(&mut after, 10_000, &second);
    for cut in (begin..end).step_by(997).chain([end - 1, end]) {
        let mut again = World::open(&world.disk.cut(cut), 3).expect("nothing was synced");
        let is_through = world.disk.reach(cut) == end;
        let expected = if is_through { &after } else { &first };
        assert!(again.get(b"text").as_ref() == Some(expected), "cut {cut} of {end}");
    }
}

/// Another value that is written between two parts is another object, wherever the parts end.
#[test]
fn what_is_written_between_two_parts_is_no_part_of_them() {
    let values: Vec<Vec<u8>> = (1..4).map(|seed| pattern(seed, 30_000)).collect();
    // A call that ends with a value, and one within it.
    for part in [30_000, 20_000] {
        let mut world = World::new();
        let keys: Vec<[u8; 1]> = (0..3).map(|key| [key]).collect();
        let texts: Vec<StagedText<'_>> = keys
            .iter()
            .zip(&values)
            .map(|(key, value)| text(&world.store, key, StagedAt::Whole, value))
            .collect();
        let other = pattern(9, 40_000);
        let mut calls = 0;
        while !world.retry(|store| store.stage(&texts, part, calls == 0)) {
            calls += 1;
            world.put(b"other", &other);
        }
        assert!(calls > 1, "all in one call");
        world.store.offer_staged(&texts);
        let writes: Vec<Write<'_>> = keys
            .iter()
            .zip(&values)
            .map(|(key, value)| Write {
                database: DATABASE,
                key,
                value: Some(Content::string(value)),
                expiry_ms: None,
            })
            .collect();
        world.retry(|store| store.write_all(TransactionId(1), &writes));
        world.store.drop_staged();
        world.turn();
        for world in [&mut world.reopen().expect("no damage"), &mut world] {
            assert!(world.get(b"other").as_ref() == Some(&other), "part {part}");
            for (key, value) in keys.iter().zip(&values) {
                assert!(world.get(key).as_ref() == Some(value), "part {part}, key {key:?}");
            }
        }
    }
}

/// Several values are staged in order, short ones too, and take effect together.
#[test]
fn the_values_of_one_command_are_staged_together() {
    let values: Vec<Vec<u8>> = [5_000, 90_000, 0, 20_000]
        .iter()
        .zip(0..)
        .map(|(&length, seed)| pattern(seed, length))
        .collect();
    let keys = [b"a", b"b", b"c", b"d"];
    let mut world = World::new();
    let staged: Vec<StagedText<'_>> = keys
        .iter()
        .zip(&values)
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| text(&world.store, *key, StagedAt::Whole, value))
        .collect();
    assert!(stage_all(&mut world, &staged) >= 5);
    let before = world.disk.written_bytes();
    world.retry(|store| {
        if store.room(2_000) == Room::Later {
            return Err(StoreError::NoRoom { bytes: 2_000 });
        }
        store.offer_staged(&staged);
        let writes: Vec<Write<'_>> = keys
            .iter()
            .zip(&values)
            .map(|(key, value)| Write {
                database: DATABASE,
                key: *key,
                value: Some(Content::string(value)),
                expiry_ms: None,
            })
            .collect();
        store.write_all(TransactionId(1), &writes)
    });
    world.turn();
    assert!(world.disk.written_bytes() - before < BESIDE, "the values were there");
    assert!(!world.store.has_staged());
    let mut again = world.reopen().expect("no damage");
    for (key, value) in keys.iter().zip(&values) {
        assert!(world.get(*key).as_ref() == Some(value), "{key:?}");
        assert!(again.get(*key).as_ref() == Some(value), "{key:?} after a start");
    }
    assert_eq!(world.store.figures().live_bytes, again.store.figures().live_bytes);
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }
}

/// A key gets a copy of a string that was made ahead, or takes the string over: whole or absent at every cut.
#[test]
fn a_string_is_copied_or_moved_whole_or_not_at_all() {
    for moves in [true, false] {
        let mut world = World::new();
        let expected = pattern(4, 60_000);
        world.put(b"from", &expected);
        world.put(b"to", b"old");
        world.turn();
        let before = world.disk.written_bytes();
        let (mut is_new, mut parts) = (true, 0);
        loop {
            let key = world.store.key(DATABASE, b"from");
            let found = world.store.find(&key).expect("it is there");
            let mut is_whole = false;
            world.retry(|store| {
                is_whole = store.stage_copy(&found, 1_000, std::mem::take(&mut is_new))?;
                Ok(())
            });
            parts += 1;
            world.write();
            if is_whole {
                break;
            }
        }
        assert!(parts > 5, "{parts}");
        let staged = world.disk.written_bytes();
        world.store.offer_copy();
        world.retry(|store| {
            let (from, to) = (store.key(DATABASE, b"from"), store.key(DATABASE, b"to"));
            let found = store.find(&from).expect("it is there");
            let done = if moves {
                store.move_copy((&from, &found), &to, None)
            } else {
                store.put_copy(&found, &to, None)
            };
            done.expect("it is as it was")
        });
        world.write();
        let end = world.disk.written_bytes();
        for cut in (before..staged).step_by(2_003).chain(staged..=end) {
            let mut again = World::open(&world.disk.cut(cut), 2).expect("nothing was synced later");
            let is_done = world.disk.reach(cut) == end;
            let (from, to) = (again.get(b"from"), again.get(b"to"));
            assert_eq!(from.is_none(), moves && is_done, "cut {cut} of {end}");
            assert!(from.is_none_or(|from| from == expected), "cut {cut} of {end}");
            let to_expected = if is_done { &expected[..] } else { b"old" };
            assert!(to.is_some_and(|to| to == to_expected), "cut {cut} of {end}");
        }
    }
}
