//! Tests of what the cleaner leaves of entries, cuts and states.

use super::fixture::{Groups, delete, key_of, put};
use crate::GroupState;
use hyperion_model::GroupId;

/// Leaves segments of noise behind that are half dead, so that the cleaner has something to gain.
fn litter(groups: &mut Groups) {
    let names: Vec<Vec<u8>> = (0..100).map(|number| key_of(2, number)).collect();
    for name in names.iter().chain(names.iter().step_by(2)) {
        groups.world.put(name, &[7; 2_000]);
    }
    groups.note();
}

/// The cleaner meets a key whose next value waits: it must not copy it behind that.
#[test]
fn a_record_with_an_unapplied_change_is_not_copied() {
    for changed in [&b"new"[..], b""] {
        let mut groups = Groups::new(40);
        let (key, other) = (key_of(0, 1), key_of(0, 2));
        groups.build(0, &[put(&key, b"old"), put(&other, b"other")]);
        groups.apply(0, 1);
        litter(&mut groups);
        let change = if changed.is_empty() { delete(&key) } else { put(&key, changed) };
        groups.build(0, &[change]);
        litter(&mut groups);
        groups.clean(80);
        let copied = groups.world.store.cleaner_figures();
        groups.apply(0, 2);
        groups.check();
        groups.crash(0);
        // Then it may go on.
        groups.clean(80);
        assert!(copied.segments > 0, "{copied:?}");
        groups.crash(0);
    }
}

/// A void entry's segment goes, then the cut's: neither may let the entry come back.
#[test]
fn a_cut_stays_as_long_as_what_it_makes_void() {
    let mut groups = Groups::new(40);
    let key = key_of(0, 1);
    groups.build(0, &[put(&key, b"committed")]);
    groups.apply(0, 1);
    groups.build(0, &[put(&key, b"void"), put(&key_of(0, 2), &[1; 2_000])]);
    // So much lives beside it that its segment stays.
    for number in 40..58 {
        groups.world.put(&key_of(3, number), &[3; 3_000]);
    }
    litter(&mut groups);
    groups.cut(0, 2);
    litter(&mut groups);
    let mut emptied = 0;
    for _ in 0..40 {
        groups.clean(2);
        groups.check();
        emptied += groups.world.store.cleaner_figures().segments;
        groups.crash(0);
        assert_eq!(groups.world.get(&key).as_deref(), Some(&b"committed"[..]));
        assert_eq!(groups.models[0].last(), 1);
    }
    assert!(emptied > 0);
}

/// The state of a group that says nothing for long, and of one that says much.
#[test]
fn the_newest_state_of_each_group_moves_along() {
    let mut groups = Groups::new(14);
    let quiet = GroupState {
        term: 7,
        vote: 3,
        commit: 0,
        voters: b"voters".to_vec(),
        ..GroupState::default()
    };
    groups.world.retry(|store| store.set_group_state(GroupId(0), &quiet));
    groups.world.retry(|store| store.append_entry(GroupId(0), 7, 1, 0, b"{ config }"));
    groups.world.retry(|store| store.append_entry(GroupId(0), 7, 2, 1, b"voters"));
    groups.world.retry(|store| store.apply(GroupId(0), 1));
    groups.note();
    for _ in 0..20 {
        litter(&mut groups);
        groups.clean(20);
    }
    let figures = groups.world.store.cleaner_figures();
    assert!(figures.segments > 20, "{figures:?}");
    groups.crash(0);
    let found = groups.world.recovered.groups.first().expect("the config's group");
    assert_eq!((found.group, found.applied), (GroupId(0), (1, 7)));
    assert_eq!((found.state.term, found.state.vote), (7, 3));
    assert_eq!(found.state.voters, b"voters");
    let last = found.entries.last().expect("one is not applied");
    assert_eq!((last.index, last.term, last.entry_type), (2, 7, 1));
    assert_eq!(last.payload, b"voters");
    groups.world.retry(|store| store.apply(GroupId(0), 2));
}

/// The record of what is applied lies among what is dead, the state itself among what lives.
#[test]
fn what_is_applied_moves_along_where_the_state_stays() {
    let mut groups = Groups::new(40);
    for number in 0..40 {
        groups.world.put(&key_of(3, number), &[3; 2_000]);
    }
    assert!(groups.world.store.figures().segments_in_use > 1);
    groups.build(0, &[put(&key_of(0, 1), b"v")]);
    groups.apply(0, 1);
    litter(&mut groups);
    groups.clean(80);
    groups.crash(0);
    assert_eq!(groups.models[0].applied, 1);
}

/// Void entries lie in two segments, and the first of them goes: what is left of them follows on nothing, and must not take the place of the
/// entries that are not void. Found by the test of any sequence.
#[test]
fn a_rest_of_void_entries_hides_no_entry_before_them() {
    let mut groups = Groups::new(40);
    // Much lives in the first segment, with an entry that waits.
    groups.build(0, &[put(&key_of(0, 1), b"waits")]);
    for number in 0..60 {
        groups.world.put(&key_of(3, number), &[3; 2_000]);
    }
    groups.build(0, &[put(&key_of(0, 2), b"void")]);
    let filler = |groups: &mut Groups| {
        let segments = groups.world.store.figures().segments_in_use;
        while groups.world.store.figures().segments_in_use == segments {
            groups.world.put(&key_of(2, 1), &[7; 4_000]);
        }
    };
    filler(&mut groups);
    groups.build(0, &[put(&key_of(0, 3), b"void")]);
    for number in 60..80 {
        groups.world.put(&key_of(3, number), &[3; 2_000]);
    }
    groups.cut(0, 2);
    filler(&mut groups);
    for _ in 0..20 {
        groups.clean(2);
        groups.crash(0);
        assert_eq!(groups.models[0].last(), 1);
        groups.check();
    }
}
