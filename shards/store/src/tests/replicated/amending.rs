//! Tests of amendments: what they cost, that they are as good as values written whole, and that what an installation brings has none twice.

use super::fixture::{Groups, applied_state, group, key_of, payload, put, value_of};
use super::model::{OBJECT, State, carry_out, chunks_of};
use crate::object::encode_amendment;
use crate::replicated::join_chunks;
use crate::tests::cuts::Dice;
use crate::tests::disk::{World, pattern};
use crate::{
    Change, ChangeKind, Edit, GroupState, Insert, PartitionCursor, Store, StoreError, ValueType,
};
use hyperion_model::{DatabaseId, PartitionId};

pub(super) const TYPE: ValueType = ValueType(7);

/// A change with bytes of its own.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    pub(super) kind: ChangeKind,
    pub(super) database: DatabaseId,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) expiry_ms: Option<u64>,
}

impl Owned {
    pub(super) fn of(change: &Change<'_>) -> Self {
        let Change { kind, database, key, value, expiry_ms, .. } = *change;
        Self { kind, database, key: key.to_vec(), value: value.to_vec(), expiry_ms }
    }

    pub(super) fn as_ref(&self) -> Change<'_> {
        let Self { kind, database, key, value, expiry_ms } = self;
        Change {
            kind: *kind,
            database: *database,
            key,
            value,
            expiry_ms: *expiry_ms,
            attributes: None,
        }
    }

    pub(super) fn all(changes: &[Self]) -> Vec<Change<'_>> {
        changes.iter().map(Self::as_ref).collect()
    }
}

/// Some amendment of a value in these chunks, as `seed` has it.
pub(super) fn amendment(chunks: &[Vec<u8>], seed: usize, bytes: &[u8]) -> Vec<u8> {
    let inserted = &bytes[..bytes.len().min(300)];
    let chunk = seed % chunks.len();
    let length = chunks[chunk].len();
    let at = seed / 7 % (length + 1);
    let removed = (length - at).min(seed / 11 % 40);
    let splice = Edit::Splice { chunk, at, removed, inserted };
    let again = Edit::Splice { chunk, at: 0, removed: 0, inserted: b"!" };
    let other = Edit::Splice { chunk: 0, at: 0, removed: 0, inserted: b"?" };
    let last = chunks.len() - 1;
    let new = [vec![inserted, b"-"], vec![&b"new"[..]]];
    let insert = [Insert { after: chunk, chunks: &new[..1 + seed % 2] }];
    let behind = [Insert { after: last, chunks: &new[..1] }];
    let (edits, inserts): (Vec<Edit<'_>>, &[Insert<'_>]) = match seed % 5 {
        0 => (vec![splice], &[]),
        1 => (vec![splice, again], &insert),
        2 if last > 0 && chunk != last => (vec![splice, Edit::Remove { chunk: last }], &insert),
        3 if last > 0 && chunk > 0 => (vec![Edit::Remove { chunk }, other], &[]),
        4 => (vec![other], &behind),
        _ => (vec![again, splice], &[]),
    };
    // What grows for ever is shortened.
    if edits.iter().all(|edit| !matches!(edit, Edit::Remove { .. })) && length > 5_000 {
        let edit = Edit::Splice { chunk, at: 0, removed: length - 10, inserted: b"" };
        return encode_amendment(TYPE, chunks.len(), &[edit], &[]);
    }
    encode_amendment(TYPE, chunks.len(), &edits, inserts)
}

fn object<'a>(key: &'a [u8], value: &'a [u8]) -> Change<'a> {
    Change { kind: ChangeKind::Object, ..put(key, value) }
}

fn change(
    store: &mut Store,
    key: &[u8],
    edits: &[Edit<'_>],
    inserts: &[Insert<'_>],
) -> Result<(), StoreError> {
    let key = store.key(DatabaseId(0), key);
    let found = store.find(&key).expect("it is there");
    store.change(&found, edits, inserts)
}

/// A change of a few bytes of a large value is a few bytes for other replicas, and in the log of each.
#[test]
fn a_small_change_of_a_large_value_is_a_small_entry() {
    let mut groups = Groups::new(40);
    let key = key_of(0, 1);
    let chunks: Vec<Vec<u8>> = (0..60).map(|seed| pattern(seed, 4_000)).collect();
    let value = join_chunks(TYPE.0, chunks.iter().map(Vec::as_slice));
    groups.build(0, &[object(&key, &value)]);
    groups.apply(0, 1);
    let before = groups.world.disk.written_bytes();
    for index in 2..12_u8 {
        let edit = [Edit::Splice { chunk: 20, at: 17, removed: 3, inserted: &[index; 3] }];
        groups.build_by(0, |store| change(store, &key, &edit, &[]));
        let entry = groups.models[0].entry(u64::from(index)).1.len();
        assert!(entry < 80, "an entry of {entry} bytes");
        // It waits: commands see it, and what is applied does not have it.
        groups.check();
        if index > 8 {
            groups.apply(0, u64::from(index) - 3);
        }
    }
    groups.apply(0, 11);
    // The header of another segment may be among it.
    let written = (groups.world.disk.written_bytes() - before).saturating_sub(4_096);
    assert!(written < 10 * 300, "{written} bytes of the log");
    groups.check();
    groups.crash(0);
    groups.check();
    // What was created and amended since is not told as an entry any more; the amendments are.
    let found = &groups.world.recovered.groups[0];
    assert_eq!(found.state.truncated_index, 1, "{:?}", found.state);
    assert_eq!(found.entries.len(), 10);
}

/// Between the first and the last of its splices a chunk may be longer than chunks are: what is left is looked at.
#[test]
fn a_chunk_that_is_full_grows_before_it_shrinks() {
    let mut groups = Groups::new(40);
    let key = key_of(0, 1);
    let max = groups.world.store.chunk_bytes_max();
    let chunks = [pattern(1, 4_000), pattern(2, max - 12)];
    let value = join_chunks(TYPE.0, chunks.iter().map(Vec::as_slice));
    groups.build(0, &[object(&key, &value)]);
    groups.apply(0, 1);
    let edits = [
        Edit::Splice { chunk: 1, at: max - 12, removed: 0, inserted: &[7; 20] },
        Edit::Splice { chunk: 1, at: 3, removed: max - 15, inserted: &[8; 20] },
    ];
    groups.build_by(0, |store| change(store, &key, &edits, &[]));
    groups.check();
    groups.apply(0, 2);
    groups.check();
    groups.synced();
    groups.crash(0);
    groups.check();
}

/// What waits is gone without a trace after a cut, and what waits before it is seen.
#[test]
fn a_cut_takes_amendments_away() {
    let mut groups = Groups::new(20);
    let key = key_of(0, 1);
    let value = join_chunks(TYPE.0, [&b"one"[..], b"two", b"three"].into_iter());
    groups.build(0, &[object(&key, &value)]);
    let new = [vec![&b"x"[..]], vec![&b"y"[..]]];
    let insert = [Insert { after: 0, chunks: &new }];
    groups.build_by(0, |store| change(store, &key, &[Edit::Remove { chunk: 1 }], &insert));
    let edit = [Edit::Splice { chunk: 2, at: 0, removed: 1, inserted: b"Z" }];
    groups.build_by(0, |store| change(store, &key, &edit, &[]));
    groups.check();
    groups.apply(0, 1);
    groups.check();
    groups.cut(0, 3);
    groups.check();
    groups.build_by(0, |store| change(store, &key, &edit, &insert));
    groups.check();
    groups.cut(0, 2);
    groups.check();
    assert_eq!(groups.world.store.figures().pending_bytes, 0);
    // A command that fails half way leaves nothing.
    groups.world.store.begin_entry(group(0), 1, 2);
    change(&mut groups.world.store, &key, &edit, &insert).expect("there is room");
    groups.world.store.drop_entry();
    groups.check();
    groups.crash(0);
}

/// Replicas that only know what is applied see nothing of what waits, also where a leader's commands saw it.
#[test]
fn readers_of_what_is_applied_see_no_amendment_that_waits() {
    let mut groups = Groups::new(20);
    let key = key_of(0, 1);
    let value = join_chunks(TYPE.0, [&b"one"[..], b"two"].into_iter());
    groups.build(0, &[object(&key, &value)]);
    groups.apply(0, 1);
    let edit = [Edit::Splice { chunk: 1, at: 0, removed: 3, inserted: b"three" }];
    groups.build_by(0, |store| change(store, &key, &edit, &[]));
    let read = |groups: &mut Groups, applied: bool| {
        groups.world.store.read_applied(applied);
        let found = groups.world.store.key(DatabaseId(0), &key);
        let found = groups.world.store.find(&found).expect("it is there");
        let value = value_of(&groups.world.store, &found);
        groups.world.store.read_applied(false);
        chunks_of(&value).expect("an object").concat()
    };
    assert_eq!(read(&mut groups, true), b"onetwo");
    assert_eq!(read(&mut groups, false), b"onethree");
    groups.apply(0, 2);
    assert_eq!(read(&mut groups, true), b"onethree");
}

/// Values are written whole where a replica may not know amendments, and where an entry has as many as it may.
#[test]
fn who_may_not_amend_is_told() {
    let mut groups = Groups::new(40);
    let key = key_of(0, 1);
    let value = join_chunks(TYPE.0, [&[1; 4_000][..], &[2; 4_000]].into_iter());
    groups.build(0, &[object(&key, &value)]);
    let store = &mut groups.world.store;
    let is_whole = |store: &mut Store| {
        let key = store.key(DatabaseId(0), &key);
        store.is_written_whole(&key)
    };
    store.set_amending(false);
    assert!(is_whole(store));
    store.set_amending(true);
    assert!(!is_whole(store));
    store.begin_entry(group(0), 1, 2);
    let edit = [Edit::Splice { chunk: 0, at: 0, removed: 2_000, inserted: &[7; 2_000] }];
    let mut amended = 0;
    while !is_whole(store) {
        change(store, &key, &edit, &[]).expect("there is room");
        amended += 1;
    }
    assert!((2..40).contains(&amended), "{amended} amendments in a segment of 64 KiB");
    let many = (0..amended * 3).map(|_| change(store, &key, &edit, &[])).find_map(Result::err);
    assert!(matches!(many, Some(StoreError::TooLarge { .. })), "{many:?}");
    store.drop_entry();
    groups.check();
}

/// A leader that goes on while another replica takes its keys over: each key comes with a value that it had meanwhile, and the entries from
/// the snapshot's index on follow. None of them may be carried out twice, over crashes neither.
#[test]
fn what_an_installation_brings_has_no_amendment_twice() {
    let seeds = std::env::var("AMEND_SEEDS").ok().and_then(|it| it.parse().ok()).unwrap_or(12);
    let mut passed = 0;
    for seed in 0..seeds {
        let mut dice = Dice(seed);
        let mut leader = Groups::new(60);
        for number in 0..40 {
            make(&mut leader, &mut dice, number);
        }
        leader.apply(0, leader.models[0].last());
        let begun = leader.models[0].applied;
        let mut parts = Vec::new();
        let mut cursor = Some(PartitionCursor::default());
        let mut number = 100;
        while let Some(at) = cursor {
            let mut out = Vec::new();
            cursor = leader.world.store.partition_scan(PartitionId(0), at, 1, &mut out);
            parts.push(out);
            for _ in 0..dice.roll(4) {
                number += 1;
                make(&mut leader, &mut dice, number);
            }
            let (applied, last) = (leader.models[0].applied, leader.models[0].last());
            leader.apply(0, applied + dice.roll(last - applied + 1));
        }
        let last = leader.models[0].last();
        leader.apply(0, last);
        let mut follower = World::new();
        let state = GroupState { term: 1, vote: 1, ..GroupState::default() };
        follower.retry(|store| store.set_group_state(group(0), &state));
        follower.retry(|store| store.install_begin(group(0)));
        for part in &parts {
            follower.retry(|store| store.install_chunk(group(0), part));
        }
        follower.retry(|store| store.install_end(group(0), (begun, 1), &[9; 3]));
        let horizon = follower.store.replicated_horizon(group(0));
        assert!(horizon >= begun);
        passed += horizon - begun;
        for index in begun + 1..=last {
            let (term, bytes) = leader.models[0].entry(index).clone();
            follower.retry(|store| store.append_entry(group(0), term, index, 0, &bytes));
            if dice.roll(3) == 0 {
                let applied = follower.store.applied(group(0)).0;
                let to = applied + dice.roll(index - applied + 1);
                follower.retry(|store| store.apply(group(0), to));
            }
            if dice.roll(12) == 0 {
                follower.turn();
                follower = follower.reopen().expect("no damage");
                assert_eq!(follower.store.last_index(group(0)), index);
            }
        }
        // A new leader's commands see what waits.
        let expected: State = leader.models[0].applied_state();
        for (database, key) in expected.keys() {
            let found = follower.store.key(DatabaseId(*database), key);
            let found = follower.store.find(&found).expect("it is there");
            let seen = value_of(&follower.store, &found);
            assert!(seen == expected[&(*database, key.clone())].0, "seed {seed}: {key:?}");
        }
        follower.retry(|store| store.apply(group(0), last));
        assert!(applied_state(&follower.store, 0) == expected, "seed {seed}");
        follower.turn();
        let follower = follower.reopen().expect("no damage");
        assert!(applied_state(&follower.store, 0) == expected, "seed {seed}, after a start");
    }
    assert!(
        passed > 20,
        "{passed} entries came while keys were taken over: the test shows nothing"
    );
}

/// An entry of the leader: mostly an amendment.
fn make(groups: &mut Groups, dice: &mut Dice, number: u64) {
    let key = key_of(0, u8::try_from(dice.roll(8)).expect("small"));
    let last = groups.models[0].last();
    let state = groups.models[0].state_at(last);
    let held = state.get(&(0, key.clone())).and_then(|(value, _)| chunks_of(value));
    let bytes = pattern(number, 40 + dice.at(200));
    match (held, dice.roll(12)) {
        (Some(chunks), 0..10) => {
            let value = amendment(&chunks, dice.at(1 << 20), &bytes);
            groups.build(0, &[Change { kind: ChangeKind::Amend, ..put(&key, &value) }]);
        }
        (Some(_), 10) => groups.build(0, &[put(&key, &bytes)]),
        _ => {
            let value = join_chunks(TYPE.0, bytes.chunks(50));
            groups.build(0, &[object(&key, &value)]);
        }
    }
}

/// The bytes of the model are those of the store.
#[test]
fn the_model_amends_as_is_said() {
    let mut state = State::new();
    let value = join_chunks(TYPE.0, [&b"one"[..], b"two"].into_iter());
    carry_out(&payload(&[object(b"k", &value)]), &mut state);
    let edits = [Edit::Splice { chunk: 1, at: 1, removed: 2, inserted: b"ime" }];
    let new = [vec![&b"a"[..], b"b"]];
    let insert = [Insert { after: 0, chunks: &new }];
    let value = encode_amendment(TYPE, 2, &edits, &insert);
    carry_out(&payload(&[Change { kind: ChangeKind::Amend, ..put(b"k", &value) }]), &mut state);
    let expected = join_chunks(TYPE.0, [&b"one"[..], b"ab", b"time"].into_iter());
    assert_eq!(state[&(0, b"k".to_vec())].0, [OBJECT, &expected].concat());
}
