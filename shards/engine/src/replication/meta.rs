//! Owns what group 0 holds: commands of its log become the cluster's state, which is kept beside the group's own state in the log.

use super::convert;
use crate::effect::Effect;
use crate::engine::Engine;
use hyperion_cluster::group::{Entry, EntryType, GroupState, Refusal};
use hyperion_cluster::state::{ClusterState, Command, CommandError, Outcome};
use hyperion_model::GroupId;
use hyperion_store::StoreError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Group 0, on the core that holds it.
#[derive(Debug, Default)]
pub(super) struct Meta {
    /// What it holds, as of the entry `index`; none before its first snapshot.
    pub(super) state: Option<Arc<ClusterState>>,
    pub(super) index: u64,
    /// Entries that have no effect yet, by index.
    log: BTreeMap<u64, Vec<u8>>,
    /// The bytes of `state`, once they were asked for.
    bytes: Option<Arc<Vec<u8>>>,
    /// What came of a snapshot so far.
    incoming: Vec<u8>,
    /// The next snapshot is right whatever is here.
    is_worthless: bool,
}

impl Meta {
    /// The index and the state, as the store and other replicas get them: index u64, then [`ClusterState::to_bytes`]. Empty without a state.
    pub(super) fn kept_bytes(&mut self) -> Arc<Vec<u8>> {
        let Some(state) = &self.state else { return Arc::default() };
        let index = self.index;
        let make = || Arc::new([&index.to_le_bytes()[..], &state.to_bytes()].concat());
        Arc::clone(self.bytes.get_or_insert_with(make))
    }

    /// Takes over what [`Self::kept_bytes`] gave; what is older than the state that is there is left.
    pub(super) fn take_bytes(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        let Some((index, state)) = bytes.split_first_chunk() else { return Ok(()) };
        let index = u64::from_le_bytes(*index);
        if self.state.is_none() || index > self.index {
            self.set(ClusterState::from_bytes(state)?, index);
        }
        Ok(())
    }

    pub(super) fn set(&mut self, state: ClusterState, index: u64) {
        (self.state, self.index, self.bytes) = (Some(Arc::new(state)), index, None);
    }

    /// Keeps what entries hold until they take effect.
    pub(super) fn note(&mut self, cut_from: Option<u64>, entries: &[Entry]) {
        if let Some(from) = cut_from {
            self.log.split_off(&from);
        }
        for entry in entries {
            if entry.get_entry_type() == EntryType::EntryNormal && !entry.data.is_empty() {
                self.log.insert(entry.index, entry.data.to_vec());
            } else {
                self.log.remove(&entry.index);
            }
        }
    }

    /// Takes over a snapshot: the log begins anew behind it, and nothing that stood there before counts, not even behind the snapshot's
    /// place: a leader that lost may have left it.
    fn install(&mut self, bytes: &[u8]) -> Result<(), CommandError> {
        self.log.clear();
        if std::mem::take(&mut self.is_worthless) {
            self.index = 0;
        }
        self.take_bytes(bytes)
    }

    /// What is here was saved out of damaged files, and a leader gives all anew.
    pub(super) fn give_up(&mut self) {
        self.log.clear();
        self.is_worthless = true;
    }

    /// Lets entries up to `index` take effect; whether they changed anything.
    fn apply(&mut self, index: u64) -> Result<bool, CommandError> {
        let later = self.log.split_off(&(index + 1));
        let mut changed = false;
        for (at, bytes) in std::mem::replace(&mut self.log, later) {
            if at <= self.index {
                continue;
            }
            let command = Command::from_bytes(&bytes)?;
            let Some(state) = &mut self.state else { continue };
            let outcome = Arc::make_mut(state).apply(&command);
            changed |= matches!(outcome, Outcome::Set { .. } | Outcome::Stepped);
            (self.index, self.bytes) = (at, None);
        }
        Ok(changed)
    }
}

impl Engine {
    /// What group 0 holds, on the core that holds it.
    #[must_use]
    pub fn cluster(&self) -> Option<&Arc<ClusterState>> {
        self.replication.as_ref()?.meta.state.as_ref()
    }

    /// Proposes a command to group 0; [`Effect::Cluster`] tells what it made.
    ///
    /// # Errors
    /// When this node does not lead that group, or takes nothing now: who leads, as far as known.
    pub fn propose_cluster(&mut self, command: &Command) -> Result<(), Option<u32>> {
        let group = GroupId::METADATA;
        let Some(replication) = &mut self.replication else { return Err(None) };
        if replication.is_handing_over(group) {
            return Err(None);
        }
        let position =
            replication.groups.next_position(group).map_err(|refusal| match refusal {
                Refusal::NotLeader { leader } => leader.and_then(|node| u32::try_from(node).ok()),
                _ => None,
            })?;
        let (index, term, bytes) = (position.index, position.term, command.to_bytes());
        self.store.append_entry(group, term, index, 0, &bytes).map_err(|_| None)?;
        replication.groups.propose(group, bytes.clone()).map_err(|_| None)?;
        replication.meta.log.insert(index, bytes);
        Ok(())
    }

    /// Whether this node leads group 0 and all that it proposed there has taken effect.
    #[must_use]
    pub fn leads_cluster(&self) -> bool {
        let group = GroupId::METADATA;
        self.replication.as_ref().is_some_and(|it| it.groups.serves(group))
            && self.store.oldest_unapplied([group]).is_none()
    }

    /// Who leads group 0, as far as this core knows.
    #[must_use]
    pub fn cluster_leader(&self) -> Option<u32> {
        let leader = self.replication.as_ref()?.groups.leader(GroupId::METADATA)?;
        u32::try_from(leader).ok()
    }

    /// Lets entries of group 0 take effect: the state is in the log before the store is told that they are applied. `false`: there is no room.
    pub(super) fn apply_meta(&mut self, up_to: u64) -> bool {
        let replication = self.replication.as_mut().expect("asked for groups alone");
        match replication.meta.apply(up_to) {
            Ok(false) => {}
            Ok(true) => {
                replication.meta_is_due = true;
                self.tell_cluster();
            }
            Err(error) => self.effects.push(Effect::Stop { why: error.to_string() }),
        }
        self.keep_meta()
    }

    /// Writes what group 0 holds into the log, if that is newer than what lies there. `false`: there is no room.
    fn keep_meta(&mut self) -> bool {
        let replication = self.replication.as_mut().expect("asked for groups alone");
        if !replication.meta_is_due {
            return true;
        }
        if replication.groups.conf(GroupId::METADATA).is_none() {
            return true;
        }
        let mut kept = self.store.group_state(GroupId::METADATA).cloned().unwrap_or_default();
        // Term, vote and members are as recorded: those of now may not stand before their entries.
        let Some((recorded, _)) = GroupState::decode_members(&kept.voters) else { return true };
        kept.voters = recorded.encode_members();
        kept.voters.extend_from_slice(&replication.meta.kept_bytes());
        match self.store.set_group_state(GroupId::METADATA, &kept) {
            Ok(()) => {
                replication.meta_is_due = false;
                true
            }
            Err(StoreError::NoRoom { .. }) => false,
            Err(error) => {
                let why =
                    format!("the config and the map of the cluster do not fit the log: {error}");
                self.effects.push(Effect::Stop { why });
                false
            }
        }
    }

    /// What the store keeps of a group now: of group 0 with what it holds.
    pub(super) fn stored_state(
        &mut self,
        group: GroupId,
        state: &GroupState,
    ) -> hyperion_store::GroupState {
        let mut stored = convert::to_store(state);
        if let (GroupId::METADATA, Some(replication)) = (group, &mut self.replication) {
            stored.voters.extend_from_slice(&replication.meta.kept_bytes());
        }
        stored
    }

    /// A part of a snapshot of group 0.
    pub(super) fn take_meta_part(&mut self, number: u64, bytes: &[u8]) {
        let replication = self.replication.as_mut().expect("asked for groups alone");
        if number == 0 {
            replication.meta.incoming.clear();
        }
        replication.meta.incoming.extend_from_slice(bytes);
    }

    /// The snapshot of group 0 has come whole.
    pub(super) fn take_meta_snapshot(&mut self) {
        let replication = self.replication.as_mut().expect("asked for groups alone");
        let bytes = std::mem::take(&mut replication.meta.incoming);
        match replication.meta.install(&bytes) {
            Ok(()) => self.tell_cluster(),
            Err(error) => self.effects.push(Effect::Stop { why: error.to_string() }),
        }
    }

    /// Tells the node what group 0 holds.
    pub(super) fn tell_cluster(&mut self) {
        let replication = self.replication.as_mut().expect("asked for groups alone");
        if replication.groups.is_worthless(GroupId::METADATA) {
            // What was saved may be older than what was told before: a group that began anew once must not do so again.
            return;
        }
        let Some(state) = &replication.meta.state else { return };
        replication.known = Some(Arc::clone(state));
        replication.settled_calls = 0;
        self.effects.push(Effect::Cluster { state: Arc::clone(state) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperion_cluster::config::Config;
    use hyperion_cluster::group::entry;

    fn formed() -> ClusterState {
        let uuid = "00000001-bbbb-4ccc-8ddd-eeeeeeeeeeee".to_owned();
        let config = Config::single("n1", uuid.clone(), uuid);
        ClusterState::form(&ClusterState::form_command(&config)).expect("it has a hash")
    }

    /// The entry in which the interval between syncs becomes so many milliseconds.
    fn change(state: &ClusterState, index: u64, interval_ms: u32) -> Entry {
        let mut config = state.config().next();
        config.settings.sync_interval_ms = interval_ms;
        entry(index, 1, 0, state.set_command(config, None).to_bytes())
    }

    fn interval_ms(meta: &Meta) -> u32 {
        meta.state.as_ref().expect("it is formed").config().settings.sync_interval_ms
    }

    #[test]
    fn entries_take_effect_once_and_in_order_whatever_was_kept() {
        let mut meta = Meta::default();
        assert!(meta.kept_bytes().is_empty());
        meta.set(formed(), 1);
        let first = change(&formed(), 2, 11);
        // Of a leader that lost: another entry takes its place.
        meta.note(None, &[change(&formed(), 2, 99), change(&formed(), 3, 98)]);
        meta.note(Some(2), &[first.clone(), entry(3, 1, 2, b"members".to_vec())]);
        assert_eq!(meta.apply(1), Ok(false));
        assert_eq!(meta.apply(3), Ok(true));
        assert_eq!(interval_ms(&meta), 11);

        // What is kept has the entry already: a start reads it again, and nothing comes of it.
        let kept = meta.kept_bytes();
        let mut again = Meta::default();
        again.take_bytes(&kept).expect("its own bytes");
        assert_eq!(again.state, meta.state);
        again.note(None, &[first]);
        assert_eq!(again.apply(3), Ok(false));
        let second = change(again.state.as_ref().expect("it was taken"), 4, 12);
        again.note(None, &[second]);
        assert_eq!(again.apply(4), Ok(true));

        // An older snapshot does not set it back, a newer one sets the other forward.
        again.take_bytes(&kept).expect("its own bytes");
        assert_eq!(interval_ms(&again), 12);
        meta.take_bytes(&again.kept_bytes()).expect("its own bytes");
        assert_eq!(interval_ms(&meta), 12);
    }

    /// A leader of group 0 proposes a config, is cut off, and gets a snapshot of those that went on without it: where the config stood, the
    /// next leader's first entry is, which is empty, and nothing comes of the config.
    #[test]
    fn what_a_leader_left_in_the_log_is_gone_with_a_snapshot() {
        let (mut meta, mut other) = (Meta::default(), Meta::default());
        meta.set(formed(), 1);
        other.set(formed(), 1);
        meta.note(None, &[change(&formed(), 9, 99)]);
        other.note(None, &[change(&formed(), 5, 11)]);
        assert_eq!(other.apply(5), Ok(true));
        meta.install(&other.kept_bytes()).expect("its own bytes");
        meta.note(None, &[entry(9, 2, 0, Vec::new())]);
        assert_eq!(meta.apply(9), Ok(false));
        assert_eq!(meta.state, other.state);

        // What was repaired is not held against a leader's, though it is of a later entry.
        let mut repaired = Meta::default();
        repaired.set(formed(), 50);
        repaired.give_up();
        repaired.install(&other.kept_bytes()).expect("its own bytes");
        assert_eq!((repaired.state.clone(), repaired.index), (other.state.clone(), 5));

        // Nor where it was overwritten without one.
        other.note(None, &[change(other.state.as_ref().expect("it is set"), 9, 98)]);
        other.note(None, &[entry(9, 2, 0, Vec::new())]);
        assert_eq!(other.apply(9), Ok(false));
    }

    #[test]
    fn what_is_no_command_and_no_state_is_told() {
        let mut meta = Meta::default();
        meta.set(formed(), 1);
        meta.note(None, &[entry(2, 1, 0, b"{\"command\":\"fly\"}".to_vec())]);
        assert!(meta.apply(2).is_err());
        assert!(meta.take_bytes(&[9, 0, 0, 0, 0, 0, 0, 0, b'{']).is_err());
        assert!(meta.take_bytes(&[]).is_ok(), "nothing was kept");
    }
}
