//! Tests of collections beside a model: entries in the order of their keys, and entries in the order in which they were put.

use super::stage::Stage;
use crate::collection::{Cursor, Edit, Layout, View};
use crate::command::types::{LIST, SORTED_SET};
use hyperion_model::DatabaseId;
use hyperion_store::{StoreError, ValueType};
use proptest::prelude::*;

const SMALL: Layout = Layout { packed_bytes_max: 64, packed_entries_max: 8, chunk_bytes_max: 128 };
const UNPACKED: Layout =
    Layout { packed_bytes_max: 0, packed_entries_max: 0, chunk_bytes_max: 128 };

const LOOSE: Layout = Layout { packed_bytes_max: 0, packed_entries_max: 0, chunk_bytes_max: 1024 };

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| u8::try_from(self.roll(256)).expect("a byte")).collect()
    }

    /// Mostly short, at times long enough for chunks of its own.
    fn value(&mut self) -> Vec<u8> {
        let sides = if self.roll(12) == 0 { 11 } else { 8 };
        let kind = [0, 1, 2, 2, 3, 3, 4, 1, 2, 5, 6][self.roll(sides)];
        let length = [0, 3, 20, 90, 300, 20_000, 70_000][kind];
        self.bytes(length)
    }
}

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// More room than any change needs.
const TRIES_MAX: usize = 200;

/// Changes a collection on the store until there is room.
fn edit(
    stage: &mut Stage,
    value_type: ValueType,
    layout: &'static Layout,
    mut change: impl FnMut(&mut Edit<'_, '_>),
) {
    for tries in 0.. {
        assert!(tries < TRIES_MAX, "{tries} times more room did not help");
        let key = stage.store.key(DatabaseId(0), b"c");
        let mut edit = Edit::open(&mut stage.store, &key, value_type, layout).expect("the type");
        change(&mut edit);
        match edit.commit() {
            Ok(()) => break,
            Err(StoreError::NoRoom { .. }) => stage.add_segments(),
            Err(error) => panic!("{error}"),
        }
    }
    stage.store.take_appends(&mut Vec::new());
    stage.store.free_dead(&mut Vec::new());
}

fn read(stage: &mut Stage, section: u8) -> Entries {
    let key = stage.store.key(DatabaseId(0), b"c");
    let Some(found) = stage.store.find(&key) else { return Vec::new() };
    let view = View::new(&mut stage.store, &found);
    check(&view, section)
}

/// Everything that a view tells of a section must fit together.
fn check(view: &View<'_>, section: u8) -> Entries {
    let entries: Entries = view
        .all(section)
        .map(|(_, entry)| (entry.key.into_owned(), entry.value.into_owned()))
        .collect();
    assert_eq!(view.count(section), entries.len() as u64);
    let cursors: Vec<Cursor> = view.all(section).map(|(cursor, _)| cursor).collect();
    let mut at = view.last(section);
    for cursor in cursors.iter().rev() {
        assert_eq!(at, Some(*cursor));
        at = view.previous(section, *cursor);
    }
    assert_eq!(at, None);
    for (index, cursor) in cursors.iter().enumerate() {
        assert_eq!(view.next(section, *cursor), cursors.get(index + 1).copied());
        assert_eq!(view.at(section, index as u64), Some(*cursor), "entry {index}");
        assert_eq!(view.index_of(section, *cursor), index as u64);
    }
    assert_eq!(view.at(section, entries.len() as u64), None);
    entries
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    /// Many changes at once, some of keys that share their first eight bytes, beside single ones in the same edit.
    #[test]
    fn merged_entries_are_what_a_map_says(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut stage = Stage::with_segments([1 << 17, 1 << 20][dice.roll(2)]);
        let mut model = [std::collections::BTreeMap::new(), std::collections::BTreeMap::new()];
        for round in 0..12 {
            let layout = [&UNPACKED, &LOOSE][dice.roll(2)];
            let mut parts = Vec::new();
            for section in [0_u8, 1, 0] {
                let most = [1, 6, 40, 400][dice.roll(4)];
                let mut changes = std::collections::BTreeMap::new();
                for _ in 0..dice.roll(most) {
                    let mut key = if dice.roll(2) == 0 { b"sameword".to_vec() } else { Vec::new() };
                    let length = 1 + dice.roll(2);
                    key.extend(dice.bytes(length));
                    let short = dice.roll(30);
                    let value = match most {
                        400 => dice.bytes(short),
                        _ => dice.value(),
                    };
                    let is_put = dice.roll(10) > round % 8;
                    changes.insert(key, is_put.then_some(value));
                }
                parts.push((section, changes));
            }
            let mut expected = Vec::new();
            for (section, changes) in &parts {
                let map = &mut model[usize::from(*section)];
                let mut found = 0;
                for (key, value) in changes {
                    let before = match value {
                        Some(value) => map.insert(key.clone(), value.clone()),
                        None => map.remove(key),
                    };
                    found += usize::from(before.is_some());
                }
                expected.push(found);
            }
            let mut told = Vec::new();
            edit(&mut stage, SORTED_SET, layout, |edit| {
                told.clear();
                if !edit.was_there() {
                    edit.set_meta(b"kept".to_vec());
                }
                for (section, changes) in &parts {
                    let changes: Vec<_> = changes
                        .iter()
                        .map(|(key, value)| (&key[..], value.as_deref()))
                        .collect();
                    told.push(edit.merge(*section, &changes));
                }
                check(&edit.view(), 0);
            });
            prop_assert_eq!(&told, &expected);
            for (section, map) in (0_u8..).zip(&model) {
                let expected: Entries = map.clone().into_iter().collect();
                prop_assert!(read(&mut stage, section) == expected, "section {}", section);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    /// Two sections, each in the order of its keys; some keys share their first eight bytes.
    #[test]
    fn keyed_entries_are_what_a_map_says(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut stage = Stage::with_segments([1 << 17, 1 << 20][dice.roll(2)]);
        let mut model = [std::collections::BTreeMap::new(), std::collections::BTreeMap::new()];
        let meta = dice.bytes(9);
        for round in 0..60 {
            let most = 1 + dice.roll(60);
            let steps: Vec<(u8, Vec<u8>, Option<Vec<u8>>)> = (0..1 + dice.roll(most))
                .map(|_| {
                    let mut key = if dice.roll(2) == 0 { b"sameword".to_vec() } else { Vec::new() };
                    let length = 1 + dice.roll(2);
                    key.extend(dice.bytes(length));
                    let value = (dice.roll(10) > round % 8).then(|| dice.value());
                    (u8::from(dice.roll(3) == 0), key, value)
                })
                .collect();
            for (section, key, value) in &steps {
                let map = &mut model[usize::from(*section)];
                match value {
                    Some(value) => drop(map.insert(key.clone(), value.clone())),
                    None => drop(map.remove(key)),
                }
            }
            let is_checked = dice.roll(2) == 0;
            edit(&mut stage, SORTED_SET, &UNPACKED, |edit| {
                if !edit.was_there() {
                    edit.set_meta(meta.clone());
                }
                for (section, key, value) in &steps {
                    let place = edit.view().seek(*section, key);
                    match (place, value) {
                        (Ok(cursor), Some(value)) => edit.replace(*section, cursor, value),
                        (Ok(cursor), None) => edit.remove(*section, cursor),
                        (Err(at), Some(value)) => drop(edit.insert(*section, at, key, value)),
                        (Err(_), None) => {}
                    }
                }
                if is_checked {
                    check(&edit.view(), 0);
                    check(&edit.view(), 1);
                }
            });
            for section in 0..2 {
                let expected: Entries =
                    model[usize::from(section)].clone().into_iter().collect();
                prop_assert!(read(&mut stage, section) == expected, "round {round}");
            }
            for (section, key, _) in &steps {
                let name = stage.store.key(DatabaseId(0), b"c");
                let found = stage.store.find(&name).expect("its meta keeps it");
                let view = View::new(&mut stage.store, &found);
                prop_assert_eq!(view.meta(), &meta[..]);
                let map = &model[usize::from(*section)];
                let bound = view.lower_bound(*section, key).and_then(|at| view.entry(at));
                let expected = map.range(key.clone()..).next();
                prop_assert_eq!(bound.map(|entry| entry.key.into_owned()), expected.map(|(key, _)| key.clone()));
            }
        }
    }

    /// Few changes at a time of chunks with many short entries, most of which nobody looks at before they take effect.
    #[test]
    fn small_changes_are_what_a_map_says(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut stage = Stage::with_segments(1 << 20);
        let mut model = [std::collections::BTreeMap::new(), std::collections::BTreeMap::new()];
        for round in 0..500 {
            let steps: Vec<(u8, Vec<u8>, Option<Vec<u8>>)> = (0..1 + dice.roll(3))
                .map(|_| {
                    let (key, length) = (dice.bytes(1 + round % 2), 6 + dice.roll(2) * round % 50);
                    let value = (dice.roll(10) > round / 50 % 8).then(|| dice.bytes(length));
                    (u8::from(dice.roll(3) == 0), key, value)
                })
                .collect();
            let is_checked = dice.roll(20) == 0;
            edit(&mut stage, SORTED_SET, &LOOSE, |edit| {
                for (section, key, value) in &steps {
                    match (edit.view().seek(*section, key), value) {
                        (Ok(cursor), Some(value)) => edit.replace(*section, cursor, value),
                        (Ok(cursor), None) => edit.remove(*section, cursor),
                        (Err(at), Some(value)) => drop(edit.insert(*section, at, key, value)),
                        (Err(_), None) => {}
                    }
                }
                if is_checked {
                    (0..2).for_each(|section| drop(check(&edit.view(), section)));
                }
            });
            for (section, key, value) in steps {
                let map = &mut model[usize::from(section)];
                match value {
                    Some(value) => drop(map.insert(key, value)),
                    None => drop(map.remove(&key)),
                }
            }
            if round % 30 == 0 {
                for section in 0..2 {
                    let expected: Entries =
                        model[usize::from(section)].clone().into_iter().collect();
                    prop_assert!(read(&mut stage, section) == expected, "round {round}");
                }
            }
        }
    }

    /// One section in the order of its entries, packed while it is small.
    #[test]
    fn listed_entries_are_what_a_vector_says(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut stage = Stage::with_segments([1 << 17, 1 << 20][dice.roll(2)]);
        let mut model: Entries = Vec::new();
        for round in 0..80 {
            let steps: Vec<(usize, usize, Vec<u8>)> = (0..1 + dice.roll(20))
                .map(|_| (dice.roll(if round % 20 < 12 { 6 } else { 12 }), dice.roll(1 << 20), dice.value()))
                .collect();
            let mut next = model.clone();
            edit(&mut stage, LIST, &SMALL, |edit| {
                next.clone_from(&model);
                for (what, place, value) in &steps {
                    if edit.outgrows(0, value.len()) {
                        for (key, value) in edit.unpack(0) {
                            edit.push_back(0, &key, &value);
                        }
                    }
                    let at = (!next.is_empty()).then(|| place % next.len());
                    let cursor = at.map(|at| edit.view().at(0, at as u64).expect("it is there"));
                    match (what, at.zip(cursor)) {
                        (0 | 1, _) => {
                            next.push((Vec::new(), value.clone()));
                            edit.push_back(0, &[], value);
                        }
                        (2 | 3, _) => {
                            next.insert(0, (Vec::new(), value.clone()));
                            edit.push_front(0, &[], value);
                        }
                        (4, Some((at, cursor))) => {
                            next.insert(at, (Vec::new(), value.clone()));
                            edit.insert(0, Some(cursor), &[], value);
                        }
                        (5, Some((at, cursor))) => {
                            next[at].1.clone_from(value);
                            edit.replace(0, cursor, value);
                        }
                        (_, Some((at, cursor))) => {
                            next.remove(at);
                            edit.remove(0, cursor);
                        }
                        (_, None) => {}
                    }
                }
                assert!(check(&edit.view(), 0) == next, "round {round}");
            });
            model = next;
            prop_assert!(read(&mut stage, 0) == model, "round {round}");
            let key = stage.store.key(DatabaseId(0), b"c");
            prop_assert_eq!(stage.store.find(&key).is_some(), !model.is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10))]

    /// Two sections: entries come behind the others, one alone or several at once; runs of them go, from anywhere.
    #[test]
    fn runs_are_what_a_vector_says(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut stage = Stage::with_segments([1 << 17, 1 << 20][dice.roll(2)]);
        let mut model: [Entries; 2] = [Vec::new(), Vec::new()];
        for round in 0..60 {
            let section = dice.roll(2);
            let entries: Entries = (0..1 + dice.roll(if round % 20 == 0 { 60 } else { 8 }))
                .map(|_| (dice.bytes(4), dice.value()))
                .collect();
            let is_many = model[section].len() > 80;
            let what = if is_many { 5 } else { dice.roll(6) };
            let (from, most) = (dice.roll(1 << 20), dice.roll(1 << 20));
            let mut next = model.clone();
            edit(&mut stage, SORTED_SET, &UNPACKED, |edit| {
                next.clone_from(&model);
                let (rows, at) = (&mut next[section], u8::try_from(section).expect("one of two"));
                if !edit.was_there() {
                    edit.set_meta(vec![7; 9]);
                }
                match what {
                    0..=1 => {
                        let (key, value) = &entries[0];
                        rows.push(entries[0].clone());
                        if edit.append(at, key, value).is_ok_and(|is_done| is_done) {
                            return;
                        }
                        edit.push_back(at, key, value);
                    }
                    2..=3 => {
                        let place = if rows.is_empty() { 0 } else { from % rows.len() };
                        let cursor = edit.view().at(at, place as u64);
                        rows.splice(place..place, entries.iter().cloned());
                        edit.insert_all(at, cursor, entries.iter().map(|(key, value)| (key, value)));
                    }
                    _ if !rows.is_empty() => {
                        let place = if from % 3 == 0 { 0 } else { from % rows.len() };
                        let count = match most % 4 {
                            0 => rows.len() - place,
                            _ => most % (rows.len() - place + 1),
                        };
                        let cursor = edit.view().at(at, place as u64).expect("it is there");
                        rows.drain(place..place + count);
                        edit.remove_run(at, cursor, count as u64);
                    }
                    _ => {}
                }
                for section in 0..2 {
                    assert!(check(&edit.view(), section) == next[usize::from(section)], "round {round}");
                }
            });
            model = next;
            for section in 0..2 {
                prop_assert!(read(&mut stage, section) == model[usize::from(section)], "round {round}");
            }
        }
    }
}

/// A change of many chunks asks for room for all of them before it writes one: it took what was made ready for the rest with each try, and
/// never came to its end.
#[test]
fn a_change_of_many_chunks_gets_the_room_that_it_wants() {
    let mut stage = Stage::with_segments(1 << 17);
    for round in 0..3_u8 {
        edit(&mut stage, SORTED_SET, &UNPACKED, |edit| {
            for number in 0..60_u8 {
                let key = [round, number];
                let Err(at) = edit.view().seek(0, &key) else { panic!("{key:?} is new") };
                let _ = edit.insert(0, at, &key, &vec![number; 70_000]);
            }
        });
        assert_eq!(read(&mut stage, 0).len(), 60 * (usize::from(round) + 1));
    }
}
