//! Tests of values that lie in chunks, beside a model of plain vectors: changes, starts, torn writes, and the cleaner.

use super::disk::{SEGMENT_BYTES, World, pattern};
use crate::{
    Edit, Insert, Note, Notes, Room, Spliced, Splices, Split, Store, StoreError, Value, ValueType,
};
use hyperion_model::DatabaseId;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A value as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Expected {
    Whole(ValueType, Vec<u8>),
    Chunks(ValueType, Vec<Vec<u8>>),
}

type Model = BTreeMap<Vec<u8>, (Expected, Option<u64>)>;

const LIST: ValueType = ValueType(7);

fn read_all(store: &mut Store) -> Model {
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut cursor = crate::ScanCursor::default();
    loop {
        cursor = store.scan(DatabaseId(0), cursor, 100, |key| keys.push(key.to_vec()));
        if cursor.0 == 0 {
            break;
        }
    }
    let mut model = Model::new();
    for bytes in keys {
        let key = store.key(DatabaseId(0), &bytes);
        let found = store.find(&key).expect("a scanned key is there");
        let value_type = store.value_type(&found);
        let expected = match store.value(&found) {
            Value::Whole(bytes) => Expected::Whole(value_type, bytes.to_vec()),
            Value::Pieces(pieces) => {
                let chunks: Vec<Vec<u8>> =
                    (0..pieces.count()).map(|index| pieces.chunk(index).to_vec()).collect();
                let bytes: usize = chunks.iter().map(Vec::len).sum();
                assert_eq!(store.value(&found).len(), bytes, "length of {bytes:?}");
                Expected::Chunks(value_type, chunks)
            }
        };
        let expiry_ms = store.expiry_ms(&found);
        model.insert(bytes, (expected, expiry_ms));
    }
    model
}

fn put_object(world: &mut World, key: &[u8], chunks: &[Vec<u8>]) {
    let parts: Vec<Vec<&[u8]>> = chunks.iter().map(|chunk| vec![&chunk[..]]).collect();
    let bytes = chunks.iter().map(|chunk| chunk.len() + 64).sum::<usize>() + 1_000;
    world.retry(|store| {
        if store.room(bytes) == Room::Later {
            return Err(StoreError::NoRoom { bytes });
        }
        let key = store.key(DatabaseId(0), key);
        store.put_object(&key, LIST, &parts, None)
    });
}

fn change(world: &mut World, key: &[u8], edits: &[Edit<'_>], insert: &[Insert<'_>]) {
    world.retry(|store| {
        let key = store.key(DatabaseId(0), key);
        let found = store.find(&key).expect("it is there");
        store.change(&found, edits, insert)
    });
}

/// As [`change`], where no chunk comes or goes.
fn splice(world: &mut World, key: &[u8], edits: &[Edit<'_>]) {
    let mut of_chunks: BTreeMap<usize, Splices> = BTreeMap::new();
    for edit in edits {
        let Edit::Splice { chunk, at, removed, inserted } = *edit else { panic!("{edit:?}") };
        of_chunks.entry(chunk).or_default().push(at, removed, inserted);
    }
    let note = Note { count: 7, ..Note::default() };
    let changes = of_chunks.iter().map(|(&chunk, splices)| Spliced { chunk, splices, note });
    world.retry(|store| {
        let key = store.key(DatabaseId(0), key);
        let found = store.find(&key).expect("it is there");
        store.splice(&found, changes.clone())
    });
}

fn chunks_of(world: &mut World, key: &[u8]) -> Vec<Vec<u8>> {
    match read_all(&mut world.store).remove(key) {
        Some((Expected::Chunks(LIST, chunks), None)) => chunks,
        other => panic!("{other:?}"),
    }
}

#[test]
fn chunks_are_changed_put_in_and_taken_out() {
    let mut world = World::new();
    put_object(&mut world, b"list", &[b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
    let new = [vec![&b"x"[..], b"y"], vec![&b"z"[..]]];
    let edits = [
        Edit::Splice { chunk: 0, at: 3, removed: 0, inserted: b"!" },
        Edit::Splice { chunk: 0, at: 0, removed: 1, inserted: b"OO" },
        Edit::Remove { chunk: 1 },
    ];
    change(&mut world, b"list", &edits, &[Insert { after: 2, chunks: &new }]);
    let expected = [b"OOne!".to_vec(), b"three".to_vec(), b"xy".to_vec(), b"z".to_vec()];
    assert_eq!(chunks_of(&mut world, b"list"), expected);
    world.turn();
    let mut world = world.reopen().expect("no damage");
    assert_eq!(chunks_of(&mut world, b"list"), expected, "after a start");
    let first = [vec![&b"first"[..]]];
    change(
        &mut world,
        b"list",
        &[Edit::Remove { chunk: 3 }],
        &[Insert { after: 0, chunks: &first }],
    );
    world.turn();
    let mut world = world.reopen().expect("no damage");
    let expected = [b"OOne!".to_vec(), b"first".to_vec(), b"three".to_vec(), b"xy".to_vec()];
    assert_eq!(chunks_of(&mut world, b"list"), expected, "after another start");
}

/// A change of a few bytes is a few bytes in the log, however large the value is.
#[test]
fn a_small_change_is_a_small_record() {
    let mut world = World::new();
    let chunks: Vec<Vec<u8>> = (0..40).map(|seed| pattern(seed, 4_000)).collect();
    put_object(&mut world, b"large", &chunks);
    world.turn();
    let before = world.disk.written_bytes();
    let edit = [Edit::Splice { chunk: 20, at: 17, removed: 3, inserted: b"abc" }];
    change(&mut world, b"large", &edit, &[]);
    world.write();
    assert!(world.disk.written_bytes() - before < 120, "{}", world.disk.written_bytes() - before);
}

/// Deltas do not gather: a chunk that is changed again and again takes a bounded part of the log, on the heap nothing once it rests.
#[test]
fn a_chunk_that_changes_for_ever_stays_small() {
    let mut world = World::new().with_segments_max(12);
    put_object(&mut world, b"hot", &[pattern(1, 3_000), pattern(2, 3_000)]);
    for step in 0..20_000_u32 {
        let (bytes, at) = (step.to_le_bytes(), step as usize % 2_990);
        let edit = [Edit::Splice { chunk: 1, at, removed: 4, inserted: &bytes }];
        change(&mut world, b"hot", &edit, &[]);
        if step % 50 == 0 {
            world.turn();
        }
    }
    let figures = world.store.figures();
    assert!(figures.live_bytes < 6_000 + 4_500, "{figures:?}");
    let expected = chunks_of(&mut world, b"hot");
    world.turn();
    let mut again = world.reopen().expect("no damage");
    assert!(chunks_of(&mut again, b"hot") == expected);
    assert_eq!(again.store.figures().live_bytes, figures.live_bytes);
    assert_eq!(again.store.figures().object_bytes > 0, figures.object_bytes > 0);
}

/// What is answered must wait for the last change of the object, not for its head alone.
#[test]
fn a_lookup_observes_the_last_change() {
    let mut world = World::new();
    put_object(&mut world, b"list", &[pattern(1, 100), pattern(2, 100)]);
    world.turn();
    change(
        &mut world,
        b"list",
        &[Edit::Splice { chunk: 1, at: 0, removed: 1, inserted: b"x" }],
        &[],
    );
    world.store.begin_observing();
    let key = world.store.key(DatabaseId(0), b"list");
    assert!(world.store.find(&key).is_some());
    assert!(world.store.observed_position() > world.store.written_position());
}

/// The memory of a large value that goes comes back slice by slice, and the log reuses its segments.
#[test]
fn a_large_value_goes_in_slices() {
    let mut world = World::new();
    let chunks: Vec<Vec<u8>> = (0..4_000).map(|seed| pattern(seed, 60)).collect();
    put_object(&mut world, b"large", &chunks);
    world.turn();
    let live = world.store.figures().live_bytes;
    assert!(world.delete(b"large"));
    assert_eq!(world.store.figures().live_bytes, 0, "at once, {live} before");
    assert_eq!(world.store.figures().object_bytes, 0);
    let mut slices = 0;
    while world.store.wants_cleaning() && world.store.clean() {
        slices += 1;
        assert!(slices < 1_000, "{:?}", world.store.figures());
    }
    assert!(slices > 3, "{slices} slices");
    for step in 0..2_000 {
        world.put(b"other", &pattern(step, 2_000));
        world.turn();
    }
    assert!(world.store.figures().segments_in_use < 4, "{:?}", world.store.figures());
    assert_eq!(read_all(&mut world.reopen().expect("no damage").store).len(), 1);
}

#[test]
fn a_chunk_that_is_missing_takes_the_key_with_it_and_nothing_else() {
    let mut world = World::new();
    put_object(&mut world, b"list", &[pattern(1, 9), pattern(2, 9)]);
    world.put(b"other", b"value");
    // The head of a value whose chunks were never written.
    let head = [&[7_u8][..], &99_u64.to_le_bytes()].concat();
    let extras = crate::record::Extras::default();
    let kind = crate::record::Kind::Object;
    world.store.log.append(kind, &extras, b"list", &[&head]).expect("there is room");
    world.turn();
    let mut again = world.reopen().expect("no damage");
    let keys: Vec<Vec<u8>> = read_all(&mut again.store).into_keys().collect();
    assert_eq!(keys, [b"other".to_vec()]);
    assert_eq!(again.store.figures().live_bytes, 20);
}

#[test]
fn strings_grow_and_change_where_they_lie() {
    let mut world = World::new();
    let mut expected = pattern(0, 5_000);
    world.put(b"text", &expected);
    let mut dice = Dice(5);
    for step in 0..300 {
        let length = [1, 10, 300, 4_000, 9_000, 30_000][dice.roll(6)];
        let offset = if step % 3 == 0 { expected.len() } else { dice.roll(expected.len()) };
        let value = pattern(step, length);
        world.retry(|store| {
            let key = store.key(DatabaseId(0), b"text");
            let found = store.find(&key).expect("it is there");
            match store.write_text(
                &key,
                &found,
                offset,
                &[&value[..length / 2], &value[length / 2..]],
            ) {
                // More than one batch of these small segments: the caller writes it anew.
                Err(StoreError::TooLarge { .. }) => {
                    let mut whole = expected.clone();
                    whole.resize(whole.len().max(offset + length), 0);
                    whole[offset..offset + length].copy_from_slice(&value);
                    store.put(&key, &[&whole], None)
                }
                other => other,
            }
        });
        expected.resize(expected.len().max(offset + length), 0);
        expected[offset..offset + length].copy_from_slice(&value);
        let (from, to) = (dice.roll(expected.len()), dice.roll(expected.len()));
        let (from, to) = (from.min(to), from.max(to));
        let key = world.store.key(DatabaseId(0), b"text");
        let found = world.store.find(&key).expect("it is there");
        let mut range = Vec::new();
        world.store.value(&found).copy_range(from, to, &mut range);
        assert!(range == expected[from..to], "step {step}, {from}..{to}");
        world.turn();
        if step % 20 == 0 {
            world = world.reopen().expect("no damage");
            assert!(world.get(b"text").as_ref() == Some(&expected), "step {step}, after a start");
        }
        if expected.len() > 300_000 {
            expected = pattern(step, 4_097);
            world.put(b"text", &expected);
        }
    }
}

/// Notes of chunks that are spliced are those of the change; what was noted before another change is not taken for new.
#[test]
fn notes_follow_splices() {
    let mut world = World::new();
    put_object(&mut world, b"list", &[pattern(1, 50), pattern(2, 50)]);
    let key = world.store.key(DatabaseId(0), b"list");
    let found = world.store.find(&key).expect("it is there");
    let mut notes = Notes::default();
    (0..2).for_each(|key| notes.push(Note { key, count: 3, ..Note::default() }));
    world.store.set_notes(&found, notes);
    let edit = [Edit::Splice { chunk: 1, at: 5, removed: 2, inserted: b"three" }];
    splice(&mut world, b"list", &edit);
    let notes = world.store.notes(&found).expect("they are kept");
    assert_eq!((notes.len(), notes.sum()), (2, 10));
    change(&mut world, b"list", &edit, &[]);
    splice(&mut world, b"list", &edit);
    assert!(world.store.notes(&found).is_none(), "they missed a change");
    let expected = chunks_of(&mut world, b"list");
    world.turn();
    assert_eq!(chunks_of(&mut world.reopen().expect("no damage"), b"list"), expected);
}

fn cool(world: &mut World) {
    while world.store.room(10_000) == Room::Later {
        world.turn();
        world.supply();
    }
    world.store.cool();
}

/// What rests lies in the log alone after two looks, and is the same; what is changed in between stays on the heap.
#[test]
fn chunks_that_rest_are_cooled() {
    let mut world = World::new();
    put_object(&mut world, b"list", &[pattern(1, 4_000), pattern(2, 4_000)]);
    let cold = world.store.bytes_beside();
    let edit = |chunk| [Edit::Splice { chunk, at: 10, removed: 2, inserted: b"three" }];
    splice(&mut world, b"list", &edit(0));
    change(&mut world, b"list", &edit(1), &[]);
    let expected = chunks_of(&mut world, b"list");
    assert!(world.store.bytes_beside() > cold + 8_000, "both are hot");
    cool(&mut world);
    splice(&mut world, b"list", &edit(1));
    cool(&mut world);
    let beside = world.store.bytes_beside();
    assert!(beside < cold + 5_000 && beside > cold + 4_000, "one is hot: {cold} {beside}");
    cool(&mut world);
    assert!(world.store.bytes_beside() < cold + 500, "none is hot");
    let after = chunks_of(&mut world, b"list");
    assert_eq!(after[0], expected[0]);
    world.turn();
    let mut world = world.reopen().expect("no damage");
    assert_eq!(chunks_of(&mut world, b"list"), after, "after a start");
    splice(&mut world, b"list", &edit(0));
    world.turn();
    let mut world = world.reopen().expect("no damage");
    let hot = world.store.bytes_beside();
    cool(&mut world);
    cool(&mut world);
    assert!(world.store.bytes_beside() + 4_000 < hot, "what a start has made hot is cooled too");
}

/// A chunk that is written anew for its deltas is about to change again and stays on the heap; when it rests it goes from there without a write.
#[test]
fn a_chunk_of_many_deltas_stays_on_the_heap_until_it_rests() {
    let mut world = World::new();
    put_object(&mut world, b"list", &[pattern(1, 4_000), pattern(2, 4_000)]);
    let cold = world.store.bytes_beside();
    let edit = [Edit::Splice { chunk: 1, at: 9, removed: 100, inserted: &[7; 100] }];
    let written = |world: &mut World| {
        let before = world.store.appended_position();
        splice(world, b"list", &edit);
        world.store.appended_position() - before
    };
    let deltas = (0..100).take_while(|_| written(&mut world) < 4_000).count();
    assert!((20..60).contains(&deltas), "a base came behind {deltas} deltas");
    assert!(world.store.bytes_beside() > cold + 4_000, "it is hot");
    let (expected, position) = (chunks_of(&mut world, b"list"), world.store.appended_position());
    (0..2).for_each(|_| world.store.cool());
    assert!(world.store.bytes_beside() < cold + 500, "it is not any more");
    assert_eq!(world.store.appended_position(), position, "its base has all of it");
    assert_eq!(chunks_of(&mut world, b"list"), expected);
    // What comes then is a change of that base.
    assert!(written(&mut world) < 1_000);
    let expected = chunks_of(&mut world, b"list");
    world.turn();
    assert_eq!(chunks_of(&mut world.reopen().expect("no damage"), b"list"), expected);
}

/// A chunk that is filled entry by entry, from where it was cut to where it is cut again, is not written anew in between, whatever the length of
/// chunks: an entry's delta takes two to three times its bytes.
#[test]
fn a_chunk_that_is_filled_gets_no_base_in_between() {
    for bytes in [512, 1_024, 2_048] {
        let mut world = World::new();
        put_object(&mut world, b"set", &[Vec::new(), pattern(1, bytes)]);
        let mut longest = 0;
        for at in (bytes..2 * bytes - 31).step_by(31) {
            let before = world.store.appended_position();
            let count = Edit::Splice { chunk: 1, at: 1, removed: 2, inserted: b"ab" };
            let entry = Edit::Splice { chunk: 1, at, removed: 0, inserted: &[7; 31] };
            splice(&mut world, b"set", &[entry, count]);
            longest = longest.max(world.store.appended_position() - before);
        }
        assert!(longest < 400, "{longest} bytes were written for an entry into {bytes} ones");
        let expected = chunks_of(&mut world, b"set");
        world.turn();
        assert_eq!(chunks_of(&mut world.reopen().expect("no damage"), b"set"), expected);
    }
}

/// A chunk that will not change soon is cooled at once.
#[test]
fn a_chunk_is_put_to_rest() {
    let mut world = World::new();
    put_object(&mut world, b"list", &[pattern(1, 4_000), pattern(2, 4_000)]);
    let cold = world.store.bytes_beside();
    splice(&mut world, b"list", &[Edit::Splice { chunk: 1, at: 9, removed: 9, inserted: b"x" }]);
    let expected = chunks_of(&mut world, b"list");
    let key = world.store.key(DatabaseId(0), b"list");
    let found = world.store.find(&key).expect("it is there");
    world.store.rest_chunk(&found, 0);
    assert!(world.store.bytes_beside() > cold + 4_000, "the other one is hot");
    world.store.rest_chunk(&found, 1);
    assert!(world.store.bytes_beside() < cold + 200);
    world.turn();
    assert_eq!(chunks_of(&mut world.reopen().expect("no damage"), b"list"), expected);
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }
}

/// One step of the random walk, on the store and on the model.
fn step(world: &mut World, model: &mut Model, dice: &mut Dice) {
    let name = [b'a' + u8::try_from(dice.roll(4)).expect("below four")];
    let seed = dice.0;
    match dice.roll(12) {
        0 => {
            let lengths: Vec<usize> = (0..=dice.roll(6)).map(|_| dice.roll(3_000)).collect();
            let chunks: Vec<Vec<u8>> =
                (seed..).zip(lengths).map(|(seed, length)| pattern(seed, length)).collect();
            put_object(world, &name, &chunks);
            model.insert(name.to_vec(), (Expected::Chunks(LIST, chunks), None));
        }
        1 => {
            let value = pattern(seed, dice.roll(300));
            world.retry(|store| {
                let key = store.key(DatabaseId(0), &name);
                store.put_packed(&key, LIST, &[&value], None)
            });
            model.insert(name.to_vec(), (Expected::Whole(LIST, value), None));
        }
        2 => {
            assert_eq!(world.delete(&name), model.remove(&name[..]).is_some());
        }
        3 => {
            let expiry_ms = (dice.roll(2) == 0).then_some(9_000_000);
            if let Some((_, expiry)) = model.get_mut(&name[..]) {
                *expiry = expiry_ms;
                world.retry(|store| {
                    let key = store.key(DatabaseId(0), &name);
                    let found = store.find(&key).expect("it is there");
                    store.set_expiry(&key, &found, expiry_ms)
                });
            }
        }
        4 if dice.roll(8) == 0 => {
            world.retry(|store| store.flush(None));
            model.clear();
        }
        5 => rewrite_both(world, model, &name, &pattern(seed, dice.roll(60))),
        6 => {
            if let Some((Expected::Chunks(_, chunks), _)) = model.get_mut(&name[..]) {
                split_both(world, &name, chunks, dice);
            }
        }
        _ => {
            if let Some((Expected::Chunks(_, chunks), _)) = model.get_mut(&name[..]) {
                change_both(world, &name, chunks, dice);
            }
        }
    }
}

/// Appends to a packed value, on the store and on the model: to none where there is no key, and nothing where it is an object.
fn rewrite_both(world: &mut World, model: &mut Model, name: &[u8], more: &[u8]) {
    let given = world.retry(|store| {
        let key = store.key(DatabaseId(0), name);
        let found = store.find(&key);
        let of_other = store.rewrite_packed(&key, found.as_ref(), ValueType(8), |_, out| {
            (found.is_some()).then(|| out.extend_from_slice(b"of another type"))
        })?;
        assert!(of_other.is_none());
        store.rewrite_packed(&key, found.as_ref(), LIST, |bytes, out| {
            if !more.is_empty() {
                out.extend_from_slice(bytes);
                out.extend_from_slice(more);
            }
            Some(bytes.len())
        })
    });
    let before = match model.get_mut(name) {
        Some((Expected::Whole(_, bytes), _)) => {
            bytes.extend_from_slice(more);
            Some(bytes.len() - more.len())
        }
        Some(_) => None,
        None => {
            if !more.is_empty() {
                model.insert(name.to_vec(), (Expected::Whole(LIST, more.to_vec()), None));
            }
            Some(0)
        }
    };
    assert_eq!(given, before);
}

/// Makes two chunks of one, and puts a few bytes into others: on the store and on the model.
fn split_both(world: &mut World, name: &[u8], chunks: &mut Vec<Vec<u8>>, dice: &mut Dice) {
    let index = dice.roll(chunks.len());
    let [first, second] = [1, 2].map(|seed| pattern(seed ^ dice.0, dice.roll(2_000)));
    let more = pattern(dice.0, 1 + dice.roll(50));
    let mut of_others: Vec<(usize, Splices)> = Vec::new();
    for other in (0..chunks.len()).filter(|other| *other != index) {
        let fits = chunks[other].len() + more.len() <= world.store.chunk_bytes_max();
        if fits && dice.roll(4) == 0 {
            let at = dice.roll(chunks[other].len() + 1);
            let mut splices = Splices::default();
            splices.push(at, 0, &more);
            chunks[other].splice(at..at, more.iter().copied());
            of_others.push((other, splices));
        }
    }
    let note = Note { count: 7, ..Note::default() };
    let others = of_others.iter().map(|(chunk, splices)| Spliced { chunk: *chunk, splices, note });
    world.retry(|store| {
        let key = store.key(DatabaseId(0), name);
        let found = store.find(&key).expect("it is there");
        let split = Split { chunk: index, first: &first, second: &second };
        store.split(&found, split, others.clone())
    });
    chunks[index] = first;
    chunks.insert(index + 1, second);
}

/// A random change of an object, made on the store and on the model.
fn change_both(world: &mut World, name: &[u8], chunks: &mut Vec<Vec<u8>>, dice: &mut Dice) {
    let before = chunks.clone();
    let removed: Vec<usize> = (1..before.len()).filter(|_| dice.roll(5) == 0).collect();
    let kept: Vec<usize> = (0..before.len()).filter(|index| !removed.contains(index)).collect();
    let mut edits: Vec<Edit<'_>> = removed.iter().map(|&chunk| Edit::Remove { chunk }).collect();
    let texts: Vec<Vec<u8>> = (0..4).map(|seed| pattern(seed + dice.0, dice.roll(200))).collect();
    for inserted in &texts[..dice.roll(5)] {
        let chunk = kept[dice.roll(kept.len())];
        let at = dice.roll(chunks[chunk].len() + 1);
        let removed = dice.roll(chunks[chunk].len() - at + 1).min(400);
        if chunks[chunk].len() - removed + inserted.len() > world.store.chunk_bytes_max() {
            continue;
        }
        chunks[chunk].splice(at..at + removed, inserted.iter().copied());
        edits.push(Edit::Splice { chunk, at, removed, inserted });
    }
    let new: Vec<Vec<u8>> =
        (0..dice.roll(3)).map(|seed| pattern(seed as u64 ^ dice.0, dice.roll(2_000))).collect();
    let parts: Vec<Vec<&[u8]>> = new.iter().map(|chunk| vec![&chunk[..]]).collect();
    let more: Vec<Vec<u8>> = vec![pattern(dice.0, dice.roll(500))];
    let more_parts: Vec<Vec<&[u8]>> = more.iter().map(|chunk| vec![&chunk[..]]).collect();
    let [after, more_after] = [kept[dice.roll(kept.len())], kept[dice.roll(kept.len())]];
    let mut inserts: Vec<(usize, &[Vec<u8>], Insert<'_>)> = Vec::new();
    if dice.roll(2) == 0 && before.len() < 60 {
        inserts.push((after, &new, Insert { after, chunks: &parts }));
        if more_after != after {
            let insert = Insert { after: more_after, chunks: &more_parts };
            inserts.push((more_after, &more, insert));
        }
    }
    let list: Vec<Insert<'_>> = inserts.iter().map(|(_, _, insert)| *insert).collect();
    if removed.is_empty() && list.is_empty() {
        splice(world, name, &edits);
    } else {
        change(world, name, &edits, &list);
    }
    let mut next = Vec::new();
    for index in kept {
        next.push(std::mem::take(&mut chunks[index]));
        for (_, chunks, _) in inserts.iter().filter(|(after, _, _)| *after == index) {
            next.extend(chunks.iter().cloned());
        }
    }
    *chunks = next;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// After any changes, with starts and the cleaner between them, every value is what the model says.
    #[test]
    fn objects_are_what_the_model_says(seed in any::<u64>(), is_cleaned in any::<bool>()) {
        let (mut world, mut model, mut dice) = (World::new(), Model::new(), Dice(seed));
        for round in 0..150 {
            step(&mut world, &mut model, &mut dice);
            if dice.roll(3) == 0 {
                world.turn();
            }
            if is_cleaned {
                world.supply();
                world.store.clean_eagerly();
                world.store.clean();
            }
            if is_cleaned && dice.roll(4) == 0 {
                world.store.cool();
            }
            if dice.roll(25) == 0 {
                world.sync();
                world = world.reopen().expect("no damage");
            }
            if dice.roll(10) == 0 {
                prop_assert!(read_all(&mut world.store) == model, "round {}", round);
            }
        }
        world.turn();
        let mut again = world.reopen().expect("no damage");
        prop_assert!(read_all(&mut again.store) == model);
        while world.store.wants_cleaning() && world.store.clean() {
            world.turn();
            world.supply();
        }
        // Live bytes are counted alike on the way of changes and at a start, whatever was dead in between.
        let again = world.reopen().expect("no damage");
        prop_assert_eq!(world.store.figures().live_bytes, again.store.figures().live_bytes);
        // What would stay behind of values that are gone would be counted for ever.
        world.retry(|store| store.flush(None));
        while world.store.wants_cleaning() && world.store.clean() {
            world.turn();
            world.supply();
        }
        prop_assert_eq!(world.store.figures().live_bytes, 0);
        prop_assert_eq!(world.store.figures().object_bytes, 0);
    }

    /// Wherever the writing of a change is torn, the value is as before or as after it.
    #[test]
    fn a_torn_change_is_whole_or_absent(seed in any::<u64>(), is_cleaned in any::<bool>()) {
        let (mut world, mut model, mut dice) = (World::new(), Model::new(), Dice(seed));
        for _ in 0..30 {
            step(&mut world, &mut model, &mut dice);
            world.turn();
        }
        for _ in 0..8 {
            world.write();
            let (start, before) = (world.disk.written_bytes(), model.clone());
            step(&mut world, &mut model, &mut dice);
            if is_cleaned {
                world.supply();
                world.store.clean_eagerly();
                world.store.clean();
                world.store.cool();
            }
            world.write();
            let end = world.disk.written_bytes();
            for _ in 0..6 {
                let cut = start + dice.roll(end - start + 1);
                let mut again = World::open(&world.disk.cut(cut), 3).expect("nothing of it was synced");
                let held = read_all(&mut again.store);
                prop_assert!(held == before || held == model, "cut at {} of {}..{}", cut, start, end);
                if cut == end {
                    prop_assert!(held == model);
                }
                // What was cut off does not come back over what is written now.
                put_object(&mut again, b"a", &[pattern(1, 700), pattern(2, 900)]);
                again.sync();
                let expected = read_all(&mut again.store);
                let mut third = again.reopen().expect("no damage");
                prop_assert!(read_all(&mut third.store) == expected);
            }
        }
    }
}

/// The smallest segments take the largest chunk.
#[test]
fn the_longest_chunk_fits_a_record() {
    let mut world = World::new();
    let bytes_max = world.store.chunk_bytes_max();
    assert!(bytes_max > SEGMENT_BYTES / 16);
    put_object(&mut world, b"list", &[pattern(1, bytes_max), pattern(2, bytes_max)]);
    world.turn();
    let mut again = world.reopen().expect("no damage");
    assert!(chunks_of(&mut again, b"list") == [pattern(1, bytes_max), pattern(2, bytes_max)]);
}

/// A long string that is read in parts stays what it was: overwritten, changed, deleted, flushed, moved by the cleaner.
#[test]
fn a_value_that_is_read_in_parts_stays_as_it_was() {
    for fate in 0..6 {
        let mut world = World::new();
        let expected = pattern(fate, 100_000);
        world.put(b"long", &expected);
        world.put_in(1, b"other", &pattern(9, 20_000), None);
        world.turn();
        let key = world.store.key(DatabaseId(0), b"long");
        let found = world.store.find(&key).expect("it is there");
        let handle = world.store.handle(&found).expect("it lies in chunks");
        world.store.pin_value(handle);
        let mut read = Vec::new();
        for part in 0.. {
            let before = read.len();
            world.store.copy_part(handle, before, 10_001, &mut read);
            if read.len() == before {
                break;
            }
            match (fate, part) {
                (1, 4) => world.put(b"long", &pattern(77, 90_000)),
                (2, 4) => assert!(world.delete(b"long")),
                (3, 4) => world.retry(|store| store.flush(None)),
                (4, 4) => world.retry(|store| store.flush(Some(DatabaseId(0)))),
                (5, 4) => world.retry(|store| {
                    let key = store.key(DatabaseId(0), b"long");
                    let found = store.find(&key).expect("it is there");
                    store.write_text(&key, &found, 50_000, &[b"changed"])
                }),
                _ => {}
            }
            for seed in 0..20 {
                world.put(b"filler", &pattern(seed, 3_000));
                world.store.clean_eagerly();
                world.store.clean();
                world.turn();
            }
        }
        let differs = read.iter().zip(&expected).position(|(left, right)| left != right);
        assert_eq!((read.len(), differs), (expected.len(), None), "fate {fate}");
        world.store.unpin_value(handle);
        world.retry(|store| store.flush(None));
        while world.store.wants_cleaning() && world.store.clean() {
            world.turn();
            world.supply();
        }
        assert_eq!(world.store.figures().live_bytes, 0, "fate {fate}");
        assert_eq!(world.store.figures().object_bytes, 0, "fate {fate}");
        world.turn();
        let mut again = world.reopen().expect("no damage");
        assert!(again.contents().is_empty(), "fate {fate}");
    }
}
