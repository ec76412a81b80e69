//! Tests any sequence of entries, applications, cuts, installations, cleaning and crashes against the model.

use super::amending::{Owned, TYPE, amendment};
use super::fixture::{Groups, KEYS, key_of, payload};
use super::model::{State, carry_out, chunks_of};
use crate::replicated::join_chunks;
use crate::tests::disk::pattern;
use crate::{Change, ChangeKind};
use hyperion_model::DatabaseId;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Made {
    kind: u8,
    key: u8,
    database: u8,
    length: usize,
    expiry: Option<u64>,
}

#[derive(Clone, Debug)]
enum Step {
    Append {
        group: usize,
        made: Vec<Made>,
    },
    Build {
        group: usize,
        made: Vec<Made>,
    },
    /// Another leader's entry in the place of the last ones.
    Replace {
        group: usize,
        back: u64,
        made: Vec<Made>,
    },
    Apply {
        group: usize,
        part: u64,
    },
    Cut {
        group: usize,
        back: u64,
    },
    Install {
        group: usize,
        made: Vec<Made>,
        crashes: bool,
    },
    Noise {
        key: u8,
        length: usize,
    },
    Clean {
        slices: u32,
    },
    Crash {
        lost: usize,
    },
}

fn made() -> impl Strategy<Value = Vec<Made>> {
    let length = prop_oneof![12 => 0..400_usize, 4 => 400..3_000_usize, 1 => 8_000..20_000_usize];
    let one =
        (0..40_u8, 0..KEYS, 0..2_u8, length, prop::option::of(2_000_000..3_000_000_u64)).prop_map(
            |(kind, key, database, length, expiry)| Made { kind, key, database, length, expiry },
        );
    prop::collection::vec(one, 0..4)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let group = 0..2_usize;
    let lost = prop_oneof![2 => Just(0_usize), 3 => 0..2_000_usize, 1 => 0..60_000_usize];
    let step = prop_oneof![
        8 => (group.clone(), made()).prop_map(|(group, made)| Step::Append { group, made }),
        8 => (group.clone(), made()).prop_map(|(group, made)| Step::Build { group, made }),
        2 => (group.clone(), 0..4_u64, made())
            .prop_map(|(group, back, made)| Step::Replace { group, back, made }),
        10 => (group.clone(), 1..4_u64).prop_map(|(group, part)| Step::Apply { group, part }),
        2 => (group.clone(), 0..4_u64).prop_map(|(group, back)| Step::Cut { group, back }),
        1 => (group, made(), any::<bool>())
            .prop_map(|(group, made, crashes)| Step::Install { group, made, crashes }),
        8 => (any::<u8>(), 1_000..6_000_usize)
            .prop_map(|(key, length)| Step::Noise { key, length }),
        6 => (1..8_u32).prop_map(|slices| Step::Clean { slices }),
        2 => lost.prop_map(|lost| Step::Crash { lost }),
    ];
    prop::collection::vec(step, 1..160)
}

/// Keys and values of changes, so that changes can name them.
fn bytes_of(seed: usize, group: usize, made: &[Made]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let partition = u16::try_from(group).expect("small");
    let bytes = made
        .iter()
        .enumerate()
        .map(|(at, one)| (key_of(partition, one.key), pattern((seed * 8 + at) as u64, one.length)));
    bytes.collect()
}

fn changes_of<'a>(
    made: &[Made],
    bytes: &'a [(Vec<u8>, Vec<u8>)],
    flushes: bool,
) -> Vec<Change<'a>> {
    let changes = made.iter().zip(bytes).map(|(one, (key, value))| {
        let database = DatabaseId(one.database);
        let expiry_ms = one.expiry;
        let none = Change {
            kind: ChangeKind::Delete,
            database,
            key,
            value: b"",
            expiry_ms: None,
            attributes: None,
        };
        let whole = Change { key: b"", ..none };
        match one.kind {
            0..6 if flushes => none,
            6 if flushes => Change { kind: ChangeKind::Flush, ..whole },
            7 if flushes => Change { kind: ChangeKind::FlushAll, database: DatabaseId(0), ..whole },
            _ => {
                Change { kind: ChangeKind::Put, database, key, value, expiry_ms, attributes: None }
            }
        }
    });
    changes.collect()
}

/// The changes that these are where a value stands in its key's chunks: some make or amend an object.
fn with_objects(made: &[Made], changes: Vec<Change<'_>>, mut state: State) -> Vec<Owned> {
    let mut owned = Vec::new();
    for (one, change) in made.iter().zip(changes) {
        let mut change = Owned::of(&change);
        if change.kind == ChangeKind::Put && (8..30).contains(&one.kind) {
            let held = state.get(&(change.database.0, change.key.clone()));
            match held.and_then(|(value, _)| chunks_of(value)) {
                Some(chunks) if one.kind >= 12 => {
                    (change.kind, change.expiry_ms) = (ChangeKind::Amend, None);
                    change.value = amendment(&chunks, one.length, &change.value);
                }
                _ => {
                    change.kind = ChangeKind::Object;
                    let each = (one.length / 4).clamp(1, 3_000);
                    change.value = join_chunks(TYPE.0, change.value.chunks(each));
                    if change.value.len() == 1 {
                        change.value = join_chunks(TYPE.0, std::iter::once(&b"first"[..]));
                    }
                }
            }
        }
        carry_out(&payload(&[change.as_ref()]), &mut state);
        owned.push(change);
    }
    owned
}

fn run(steps: Vec<Step>) {
    let mut groups = Groups::new(14);
    for (seed, step) in steps.into_iter().enumerate() {
        match step {
            Step::Append { group, made } => {
                let bytes = bytes_of(seed, group, &made);
                let last = groups.models[group].last();
                let state = groups.models[group].state_at(last);
                let changes = with_objects(&made, changes_of(&made, &bytes, true), state);
                groups.append(group, last + 1, &Owned::all(&changes));
            }
            Step::Build { group, made } => {
                let bytes = bytes_of(seed, group, &made);
                let state = groups.models[group].state_at(groups.models[group].last());
                let changes = with_objects(&made, changes_of(&made, &bytes, true), state);
                groups.build(group, &Owned::all(&changes));
            }
            Step::Replace { group, back, made } => {
                let bytes = bytes_of(seed, group, &made);
                let model = &groups.models[group];
                let index = model.last().saturating_sub(back).max(model.applied + 1);
                let state = model.state_at(index - 1);
                let changes = with_objects(&made, changes_of(&made, &bytes, true), state);
                groups.append(group, index, &Owned::all(&changes));
            }
            Step::Apply { group, part } => {
                let model = &groups.models[group];
                let index = (model.applied + part).min(model.last());
                groups.apply(group, index);
            }
            Step::Cut { group, back } => {
                let model = &groups.models[group];
                let from = (model.last() + 1).saturating_sub(back).max(model.applied + 1);
                groups.cut(group, from);
            }
            Step::Install { group, made, crashes } => {
                let bytes = bytes_of(seed, group, &made);
                let (index, term) = (groups.models[group].last() + 5, 9);
                groups.install_begin(group);
                groups.install_chunk(group, &changes_of(&made, &bytes, false));
                if crashes {
                    groups.crash(10 * usize::from(made.first().map_or(0, |one| one.key)));
                    if !groups.models[group].is_installing {
                        continue;
                    }
                    groups.install_begin(group);
                    groups.install_chunk(group, &changes_of(&made, &bytes, false));
                }
                groups.install_end(group, index, term);
            }
            Step::Noise { key, length } => {
                let name = key_of(2, key % 40);
                groups.world.put(&name, &pattern(seed as u64, length));
                groups.note();
            }
            Step::Clean { slices } => groups.clean(slices),
            Step::Crash { lost } => groups.crash(lost),
        }
        // A group that a crash left half installed is installed before anything else.
        for group in 0..2 {
            if groups.models[group].is_installing {
                groups.install_begin(group);
                groups.install_end(group, 50 + seed as u64, 10);
            }
        }
        groups.check();
    }
    groups.clean(30);
    groups.check();
    groups.crash(0);
    for group in 0..2 {
        let last = groups.models[group].last();
        groups.apply(group, last);
    }
    groups.check();
    groups.crash(0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn groups_are_lists_of_changes_over_any_crash(steps in steps()) {
        run(steps);
    }
}

fn cases() -> u32 {
    std::env::var("HYPERION_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(60)
}
