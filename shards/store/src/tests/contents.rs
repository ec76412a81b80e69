//! Tests of values of every type on their way: taken out, prepared, committed, and found again by a start.

use super::disk::{World, pattern};
use crate::{Content, Form, OwnedContent, ValueType, Write};
use hyperion_model::{CoreId, DatabaseId, TransactionId};
use proptest::prelude::*;
use std::collections::BTreeMap;

const DATABASE: DatabaseId = DatabaseId(0);

fn id(count: u64) -> TransactionId {
    TransactionId::new(1, CoreId(0), count)
}

fn chunked(value_type: u8, chunks: &[&[u8]]) -> OwnedContent {
    let mut bytes = vec![value_type];
    for chunk in chunks {
        bytes.extend(u32::try_from(chunk.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(chunk);
    }
    OwnedContent { form: Form::Chunked, bytes }
}

/// One of each form, and strings that are empty or long.
fn kinds(seed: u64) -> Vec<OwnedContent> {
    let packed = |bytes: &[u8]| OwnedContent { form: Form::Packed, bytes: bytes.to_vec() };
    vec![
        OwnedContent::string(Vec::new()),
        OwnedContent::string(pattern(seed, 40)),
        OwnedContent::string(pattern(seed, 20_000)),
        packed(&[3]),
        packed(&[&[4][..], &pattern(seed, 300)].concat()),
        chunked(1, &[b""]),
        chunked(5, &[&pattern(seed, 5_000), b"", &pattern(seed + 1, 7_000)]),
    ]
}

fn content_of(world: &mut World, key: &[u8]) -> Option<(OwnedContent, Option<u64>)> {
    let key = world.store.key(DATABASE, key);
    let found = world.store.find(&key)?;
    Some((world.store.content(&found), world.store.expiry_ms(&found)))
}

fn put(world: &mut World, key: &[u8], content: &OwnedContent, expiry_ms: Option<u64>) {
    world.retry(|store| {
        let key = store.key(DATABASE, key);
        store.put_content(&key, content.as_ref(), expiry_ms)
    });
}

#[test]
fn a_value_is_taken_out_as_it_was_put_in() {
    let mut world = World::new();
    for (at, content) in kinds(3).iter().enumerate() {
        put(&mut world, &[0], content, Some(u64::MAX));
        let found = content_of(&mut world, &[0]);
        assert_eq!(found, Some((content.clone(), Some(u64::MAX))), "kind {at}");
        let key = world.store.key(DATABASE, &[0]);
        let found = world.store.find(&key).expect("it was put");
        assert_eq!(world.store.value_type(&found), content.as_ref().value_type(), "kind {at}");
        let is_string = content.form == Form::String;
        assert_eq!(world.store.value_type(&found) == ValueType::STRING, is_string, "kind {at}");
    }
}

#[test]
fn what_is_no_value_of_its_form_is_not_sound() {
    let chunk = chunked(1, &[&[7; 10]]);
    for (form, bytes, is_sound) in [
        (Form::String, &b""[..], true),
        (Form::Packed, &b""[..], false),
        (Form::Packed, &b"\x01"[..], true),
        (Form::Chunked, &b""[..], false),
        (Form::Chunked, &b"\x01"[..], false),
        (Form::Chunked, &b"\x01\x02\0\0\0a"[..], false),
        (Form::Chunked, &chunk.bytes[..], true),
        (Form::Chunked, &chunk.bytes[..14], false),
    ] {
        assert_eq!(Content { form, bytes }.is_sound(10), is_sound, "{form:?} {bytes:?}");
    }
    assert!(!chunk.as_ref().is_sound(9), "the chunk is longer");
}

/// A prepared value keeps its type, whether its word comes before a start or behind it.
#[test]
fn prepared_values_keep_their_types_at_every_cut() {
    let (old, new) = (kinds(1), kinds(2));
    let mut world = World::new();
    // Each key goes from one type to another.
    for (at, content) in (0..).zip(&old) {
        put(&mut world, &[at], content, None);
    }
    world.write();
    let before = world.disk.written_bytes();
    let turned: Vec<&OwnedContent> = new.iter().rev().collect();
    let keys: Vec<[u8; 1]> = (0..).take(new.len()).map(|at| [at]).collect();
    let writes: Vec<Write<'_>> = keys
        .iter()
        .zip(&turned)
        .map(|(key, content)| Write {
            database: DATABASE,
            key,
            value: Some(content.as_ref()),
            expiry_ms: Some(u64::MAX - u64::from(key[0])),
        })
        .collect();
    world.retry(|store| store.prepare(id(1), &writes));
    world.write();
    let prepared = world.disk.written_bytes();
    world.retry(|store| store.commit_prepared(id(1)));
    world.write();
    let end = world.disk.written_bytes();
    let state =
        |world: &mut World| -> Vec<_> { keys.iter().map(|key| content_of(world, key)).collect() };
    let is_old: Vec<_> = old.iter().map(|it| Some((it.clone(), None))).collect();
    let is_new: Vec<_> = keys
        .iter()
        .zip(&turned)
        .map(|(key, &it)| Some((it.clone(), Some(u64::MAX - u64::from(key[0])))))
        .collect();
    for cut in (before..prepared).step_by(1_999).chain(prepared..=end) {
        let mut again = World::open(&world.disk.cut(cut), 2).expect("nothing was synced");
        let reach = world.disk.reach(cut);
        let expected = if reach == end { &is_new } else { &is_old };
        assert!(&state(&mut again) == expected, "cut {cut} of {prepared} and {end}");
        if !again.recovered.unresolved.is_empty() {
            again.retry(|store| store.commit_prepared(id(1)));
            assert!(state(&mut again) == is_new, "cut {cut}, committed later");
            again.turn();
            let mut third = again.reopen().expect("no damage");
            assert!(state(&mut third) == is_new, "cut {cut}, third start");
        }
    }
}

fn content() -> impl Strategy<Value = OwnedContent> {
    (0..7_usize, any::<u8>()).prop_map(|(kind, seed)| kinds(u64::from(seed)).swap_remove(kind))
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, OwnedContent),
    Write(Vec<(u8, Option<OwnedContent>)>),
    Prepare(Vec<(u8, Option<OwnedContent>)>, bool),
    Start,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..6_u8;
    let writes = || prop::collection::btree_map(0..6_u8, prop::option::of(content()), 1..4);
    let step = prop_oneof![
        (key, content()).prop_map(|(key, content)| Step::Put(key, content)),
        writes().prop_map(|writes| Step::Write(writes.into_iter().collect())),
        (writes(), any::<bool>())
            .prop_map(|(writes, ends)| Step::Prepare(writes.into_iter().collect(), ends)),
        Just(Step::Start),
    ];
    prop::collection::vec(step, 1..20)
}

fn borrowed(writes: &[(u8, Option<OwnedContent>)]) -> Vec<(Vec<u8>, Option<Content<'_>>)> {
    writes.iter().map(|(key, it)| (vec![*key], it.as_ref().map(OwnedContent::as_ref))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever is put, prepared and committed or dropped, over any starts: the store holds what a map does.
    #[test]
    fn a_store_of_all_types_is_a_map(steps in steps()) {
        let (mut world, mut model) = (World::new(), BTreeMap::<u8, OwnedContent>::new());
        for (count, step) in (1..).zip(&steps) {
            match step {
                Step::Put(key, content) => {
                    put(&mut world, &[*key], content, None);
                    model.insert(*key, content.clone());
                }
                Step::Write(writes) | Step::Prepare(writes, _) => {
                    let parts = borrowed(writes);
                    let list: Vec<Write<'_>> = parts
                        .iter()
                        .map(|(key, value)| {
                            Write { database: DATABASE, key, value: *value, expiry_ms: None }
                        })
                        .collect();
                    let is_made = if let Step::Prepare(_, ends) = step {
                        world.retry(|store| store.prepare(id(count), &list));
                        world.turn();
                        if *ends {
                            world.retry(|store| store.commit_prepared(id(count)));
                        } else {
                            world.retry(|store| store.abort_prepared(id(count)));
                        }
                        *ends
                    } else {
                        world.retry(|store| store.write_all(id(count), &list));
                        true
                    };
                    for (key, value) in writes.iter().filter(|_| is_made) {
                        match value {
                            Some(value) => drop(model.insert(*key, value.clone())),
                            None => drop(model.remove(key)),
                        }
                    }
                }
                Step::Start => {
                    world.turn();
                    world = world.reopen().expect("no damage");
                }
            }
            for key in 0..6 {
                let found = content_of(&mut world, &[key]).map(|(content, _)| content);
                prop_assert_eq!(found.as_ref(), model.get(&key), "key {} after step {}", key, count);
            }
        }
    }
}
