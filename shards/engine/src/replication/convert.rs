//! Owns the step between what the store keeps of a group and what Raft's driver knows.

use hyperion_cluster::group::{
    Conf, Entry, GroupState as State, Position, REPAIRED_TERMS, RecoveredGroup, entry,
};
use hyperion_store::{GroupState, RecoveredGroup as Found};

use super::Replica;

/// What the store keeps of a state.
pub(super) fn to_store(state: &State) -> GroupState {
    GroupState {
        term: state.term,
        vote: state.vote,
        commit: state.commit,
        truncated_index: state.truncated.index,
        truncated_term: state.truncated.term,
        voters: state.encode_members(),
    }
}

/// The bytes of a group's members, where nothing was dropped for a snapshot.
pub(super) fn members(conf: &Conf) -> Vec<u8> {
    State { conf: conf.clone(), ..State::default() }.encode_members()
}

/// What the store is told of a group that it does not know yet.
pub(super) fn first_state(recovered: &RecoveredGroup) -> GroupState {
    GroupState {
        term: recovered.term,
        vote: recovered.vote,
        commit: recovered.commit,
        truncated_index: recovered.truncated.index,
        truncated_term: recovered.truncated.term,
        voters: State {
            conf: recovered.conf.clone(),
            repaired: recovered.repaired,
            ..State::default()
        }
        .encode_members(),
    }
}

/// Marks what the store keeps of a replica: it was saved out of damaged files, and counts for nothing until a leader has replaced it. `None`: its
/// members are not legible, and it is as it was.
#[must_use]
pub fn mark_repaired(state: &mut GroupState) -> Option<()> {
    let (members, held) = State::decode_members(&state.voters)?;
    let mut voters = State { repaired: true, ..members }.encode_members();
    voters.extend_from_slice(held);
    (state.term, state.vote, state.voters) = (state.term + REPAIRED_TERMS, 0, voters);
    Some(())
}

/// What the driver begins with, of what a start found in the log. `None`: its members are not legible.
#[must_use]
pub fn recovered(found: Found) -> Option<Replica> {
    let (State { floor, conf, repaired, .. }, held) = State::decode_members(&found.state.voters)?;
    let held = held.to_vec();
    let entries: Vec<Entry> = found
        .entries
        .into_iter()
        .map(|one| entry(one.index, one.term, one.entry_type, one.payload))
        .collect();
    let recovered = RecoveredGroup {
        term: found.state.term,
        vote: found.state.vote,
        commit: found.state.commit,
        applied: found.applied.0,
        truncated: Position {
            index: found.state.truncated_index,
            term: found.state.truncated_term,
        },
        conf,
        installing: found.is_installing,
        may_be_cut: false,
        floor,
        repaired,
        entries,
    };
    Some(Replica { group: found.group, recovered, held })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_repaired_is_past_all_that_it_may_have_promised() {
        let conf = Conf::of_voters(&[1, 2, 3]);
        let mut state = GroupState { term: 7, vote: 2, commit: 9, ..GroupState::default() };
        assert_eq!(mark_repaired(&mut state), None, "nothing legible");
        assert_eq!((state.term, state.vote), (7, 2));
        state.voters = members(&conf);
        state.voters.extend_from_slice(b"held");
        mark_repaired(&mut state).expect("its members are legible");
        assert_eq!((state.term, state.vote, state.commit), (7 + REPAIRED_TERMS, 0, 9));
        let (marked, held) = State::decode_members(&state.voters).expect("as it was written");
        assert!(marked.repaired && marked.conf == conf && held == b"held");
    }
}
