//! Tests of notes beside a vector of them.

use crate::object::{Between, Note, Notes};
use proptest::prelude::*;

fn check(notes: &Notes, model: &[Note]) {
    assert_eq!(notes.len(), model.len());
    assert_eq!(notes.is_empty(), model.is_empty());
    assert_eq!(notes.has_no_flags(), model.iter().all(|note| note.flags == 0));
    let mut sum = 0;
    for (index, note) in model.iter().enumerate() {
        assert_eq!(notes.get(index), Some(note));
        assert_eq!(notes.sum_before(index), sum);
        if note.count > 0 {
            assert_eq!(notes.find_sum(sum), Some((index, sum)));
            let last = sum + u64::from(note.count) - 1;
            assert_eq!(notes.find_sum(last), Some((index, sum)));
        }
        sum += u64::from(note.count);
    }
    assert_eq!(notes.get(model.len()), None);
    assert_eq!(notes.sum_before(model.len()), sum);
    assert_eq!(notes.find_sum(sum), None);
    for kind in 0..2 {
        let of_kind = || model.iter().filter(|note| note.kind == kind);
        assert_eq!(notes.chunks_of(kind), of_kind().count());
        assert_eq!(notes.total(kind), of_kind().map(|note| u64::from(note.count)).sum::<u64>());
    }
}

/// Of a pipeline's words most are known when its commands run, also where they are whole numbers as fractions are written: those differ in their
/// upper bits alone.
#[test]
fn words_of_a_pipeline_seldom_meet_in_one_place() {
    for (chunks, least) in [(100, 24), (1_000, 29)] {
        let mut notes = Notes::default();
        let score = |number: u64| (number as f64).to_bits();
        for number in 0..=chunks {
            notes.push(Note { key: score(number * 10), count: 1, ..Note::default() });
        }
        for (first, step) in [(1, 10), (5, 20), (3, 30)] {
            let words = (0..32).map(|nth| score(first + nth * step));
            for word in words.clone() {
                assert!(notes.look_up_ahead(0..notes.len(), word).is_some());
            }
            let known = words.filter(|word| notes.looked_up(0, *word).is_some()).count();
            assert!(known >= least, "{known} of 32 among {chunks} chunks");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn notes_are_what_a_vector_says(
        steps in prop::collection::vec((any::<u16>(), 0..3_usize, 0..40_u32, any::<bool>()), 1..60),
    ) {
        let (mut notes, mut model) = (Notes::default(), Vec::new());
        for (at, removed, added, is_behind) in steps {
            let at = if is_behind { model.len() } else { usize::from(at) % (model.len() + 1) };
            let removed = removed.min(model.len() - at);
            let new: Vec<Note> = (0..added)
                .map(|key| Note { key: key.into(), count: key % 5, kind: u8::from(key % 2 == 1), ..Note::default() })
                .collect();
            notes.splice(at..at + removed, &new);
            model.splice(at..at + removed, new);
            check(&notes, &model);
        }
    }

    #[test]
    fn what_was_looked_up_ahead_is_right_or_not_known(
        steps in prop::collection::vec((any::<u16>(), 0..3_u8, any::<u8>()), 1..400),
        are_flagged in any::<bool>(),
    ) {
        let (mut notes, mut model) = (Notes::default(), Vec::<Note>::new());
        for (key, step, more) in steps {
            let key = u64::from(key % 512) * 3;
            let kind = u8::from(key >= 768);
            let below = model.partition_point(|note| (note.kind, note.key) < (kind, key));
            match step {
                0 | 1 => {
                    let flags = u8::from(are_flagged && more == 0);
                    let note = Note { key, kind, flags, count: 1, mark: more.into() };
                    notes.splice(below..below, &[note]);
                    model.insert(below, note);
                }
                _ if below < model.len() => {
                    notes.splice(below..below + 1, &[]);
                    model.remove(below);
                }
                _ => {}
            }
            let looked_for = key + u64::from(more % 3);
            for key in [looked_for, u64::from(more) * 3 + 1] {
                for kind in 0..2 {
                    let below = model.partition_point(|note| (note.kind, note.key) < (kind, key));
                    let chunk = below.checked_sub(1).filter(|at| model[*at].kind == kind && model[*at].flags == 0);
                    let next = model.get(below).filter(|next| next.kind == kind && next.key > key);
                    let expected = chunk.zip(next).map(|(chunk, next)| {
                        let Note { key, mark, .. } = model[chunk];
                        Between { chunk, low: key, high: next.key, mark }
                    });
                    let known = notes.looked_up(kind, key);
                    prop_assert!(known.is_none() || known == expected, "{known:?} {expected:?}");
                    let begin = model.partition_point(|note| note.kind < kind);
                    let end = model.partition_point(|note| note.kind <= kind);
                    if notes.has_no_flags() {
                        prop_assert_eq!(notes.look_up_ahead(begin..end, key), expected);
                        prop_assert!(expected.is_none() || notes.looked_up(kind, key) == expected);
                    } else {
                        prop_assert_eq!(notes.look_up_ahead(begin..end, key), None);
                    }
                }
            }
        }
    }

    #[test]
    fn keys_are_found_in_any_range(
        count in 1..700_usize,
        seed in any::<u64>(),
        power in 1..8_u32,
        is_high in any::<bool>(),
    ) {
        // Even and uneven keys, near each other and over all words.
        let key_of = |number: usize| {
            let key = (number as u64).pow(power);
            if is_high { key * (u64::MAX / 200_u64.pow(power)) } else { key }
        };
        let mut notes = Notes::default();
        let mut model: Vec<u64> = Vec::new();
        let mut state = seed;
        let mut roll = |sides: usize| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 33) as usize % sides
        };
        for _ in 0..count {
            let key = key_of(roll(200));
            let at = model.partition_point(|&other| other < key);
            model.insert(at, key);
            notes.splice(at..at, &[Note { key, count: 1, ..Note::default() }]);
        }
        for _ in 0..200 {
            let (from, to) = (roll(count + 1), roll(count + 1));
            let (from, to) = (from.min(to), from.max(to));
            let key = key_of(roll(201).min(200)).saturating_add(roll(2) as u64);
            let expected = from + model[from..to].partition_point(|&other| other < key);
            prop_assert_eq!(notes.partition(from..to, |other| other < key), expected);
            prop_assert_eq!(notes.not_below(from..to, key), expected);
        }
    }
}
