//! Owns the members of a group at an index, and their bytes in the store's record.

use raft::eraftpb::{
    ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2, ConfState,
};

use super::limits::MEMBERS_MAX;

/// Members of a group, as of the change of members at `index`. In a joint configuration `voters_outgoing` is not empty
/// and every decision needs a majority of both sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conf {
    /// Index of the last change of members that is contained.
    pub index: u64,
    /// Voters.
    pub voters: Vec<u64>,
    /// Replicas that do not vote.
    pub learners: Vec<u64>,
    /// Voters of the configuration that is being left.
    pub voters_outgoing: Vec<u64>,
    /// Voters that become learners when the joint configuration is left.
    pub learners_next: Vec<u64>,
}

/// One change of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The node votes from now on; a learner is promoted.
    Voter(u64),
    /// The node follows without a vote; a voter is demoted.
    Learner(u64),
    /// The node leaves.
    Remove(u64),
}

impl Conf {
    /// The members of a group that is founded with these voters.
    #[must_use]
    pub fn of_voters(voters: &[u64]) -> Self {
        let mut voters = voters.to_vec();
        voters.sort_unstable();
        Self { voters, ..Self::default() }
    }

    /// Whether two sets of voters decide together.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        !self.voters_outgoing.is_empty()
    }

    /// Whether `node` votes.
    #[must_use]
    pub fn is_voter(&self, node: u64) -> bool {
        self.voters.contains(&node) || self.voters_outgoing.contains(&node)
    }

    /// Whether `node` belongs to the group.
    #[must_use]
    pub fn is_member(&self, node: u64) -> bool {
        self.is_voter(node) || self.learners.contains(&node)
    }

    /// Bytes for the store's record: index u64, then four lists, each count u16 and node ids u64; little endian.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.index.to_le_bytes().to_vec();
        for list in [&self.voters, &self.learners, &self.voters_outgoing, &self.learners_next] {
            let count = u16::try_from(list.len()).expect("MEMBERS_MAX fits");
            bytes.extend(count.to_le_bytes());
            bytes.extend(list.iter().flat_map(|node| node.to_le_bytes()));
        }
        bytes
    }

    /// What [`Self::encode`] wrote; `None` when it is anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (conf, rest) = Self::decode_first(bytes)?;
        rest.is_empty().then_some(conf)
    }

    /// What [`Self::encode`] wrote, and the bytes behind it.
    pub(super) fn decode_first(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (index, mut rest) = bytes.split_first_chunk()?;
        let mut conf = Self { index: u64::from_le_bytes(*index), ..Self::default() };
        for list in [
            &mut conf.voters,
            &mut conf.learners,
            &mut conf.voters_outgoing,
            &mut conf.learners_next,
        ] {
            let (count, after) = rest.split_first_chunk()?;
            let count = usize::from(u16::from_le_bytes(*count));
            if count > MEMBERS_MAX {
                return None;
            }
            let (nodes, after) = after.split_at_checked(count * 8)?;
            list.extend(nodes.as_chunks().0.iter().map(|node| u64::from_le_bytes(*node)));
            rest = after;
        }
        Some((conf, rest))
    }

    pub(super) fn from_raft(index: u64, state: &ConfState) -> Self {
        let sorted = |list: &[u64]| {
            let mut list = list.to_vec();
            list.sort_unstable();
            list
        };
        Self {
            index,
            voters: sorted(state.get_voters()),
            learners: sorted(state.get_learners()),
            voters_outgoing: sorted(state.get_voters_outgoing()),
            learners_next: sorted(state.get_learners_next()),
        }
    }

    pub(super) fn to_raft(&self) -> ConfState {
        let mut state = ConfState::default();
        state.set_voters(self.voters.clone());
        state.set_learners(self.learners.clone());
        state.set_voters_outgoing(self.voters_outgoing.clone());
        state.set_learners_next(self.learners_next.clone());
        state
    }
}

/// One change is made at once, several through a joint configuration that the leader leaves by itself. Raft's own way of
/// leaving (`auto_leave`) is not used: it is forgotten when the leader changes in between.
pub(super) fn to_raft_change(changes: &[Change]) -> ConfChangeV2 {
    let mut change = ConfChangeV2::default();
    if changes.len() > 1 {
        change.set_transition(ConfChangeTransition::Explicit);
    }
    let singles: Vec<ConfChangeSingle> = changes
        .iter()
        .map(|one| {
            let (node, kind) = match *one {
                Change::Voter(node) => (node, ConfChangeType::AddNode),
                Change::Learner(node) => (node, ConfChangeType::AddLearnerNode),
                Change::Remove(node) => (node, ConfChangeType::RemoveNode),
            };
            let mut single = ConfChangeSingle::default();
            single.set_change_type(kind);
            single.set_node_id(node);
            single
        })
        .collect();
    change.set_changes(singles.into());
    change
}
