//! Owns the simplest model of a group: a list of entries, how many took effect, and the map that they make.

use crate::object::Amendment;
use crate::replicated::{join_chunks, read_chunks};
use crate::{ChangeKind, Edit, decode_changes};
use std::collections::BTreeMap;

/// What the value of an object begins with: then type and chunks as in an entry.
pub(super) const OBJECT: &[u8] = b"object: ";

/// Database and key to value and expiry.
pub(super) type State = BTreeMap<(u8, Vec<u8>), (Vec<u8>, Option<u64>)>;

/// One group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Model {
    /// Index and term that the list begins behind, and the state there.
    pub(super) base: (u64, u64),
    pub(super) base_state: State,
    /// Term and payload.
    pub(super) entries: Vec<(u64, Vec<u8>)>,
    pub(super) applied: u64,
    pub(super) is_installing: bool,
}

impl Model {
    pub(super) fn last(&self) -> u64 {
        self.base.0 + self.entries.len() as u64
    }

    pub(super) fn term_of(&self, index: u64) -> u64 {
        if index == self.base.0 { self.base.1 } else { self.entry(index).0 }
    }

    pub(super) fn entry(&self, index: u64) -> &(u64, Vec<u8>) {
        &self.entries[usize::try_from(index - self.base.0 - 1).expect("small")]
    }

    pub(super) fn cut(&mut self, from: u64) {
        self.entries.truncate(usize::try_from(from - self.base.0 - 1).expect("small"));
    }

    /// What the entries up to `index` make of it.
    pub(super) fn state_at(&self, index: u64) -> State {
        let mut state = self.base_state.clone();
        for at in self.base.0 + 1..=index {
            carry_out(&self.entry(at).1, &mut state);
        }
        state
    }

    pub(super) fn applied_state(&self) -> State {
        self.state_at(self.applied)
    }
}

pub(super) fn carry_out(payload: &[u8], state: &mut State) {
    for change in decode_changes(payload).expect("an entry is whole") {
        let at = (change.database.0, change.key.to_vec());
        match change.kind {
            ChangeKind::Put | ChangeKind::Packed => {
                state.insert(at, (change.value.to_vec(), change.expiry_ms));
            }
            ChangeKind::Object => {
                state.insert(at, ([OBJECT, change.value].concat(), change.expiry_ms));
            }
            ChangeKind::Amend => {
                let amendment = Amendment::read(change.value).expect("an entry is whole");
                if let Some((value, _)) = state.get_mut(&at)
                    && let Some(chunks) = chunks_of(value)
                {
                    let chunks = amended(chunks, &amendment);
                    let chunks =
                        join_chunks(amendment.value_type.0, chunks.iter().map(Vec::as_slice));
                    *value = [OBJECT, &chunks].concat();
                }
            }
            ChangeKind::Delete => drop(state.remove(&at)),
            ChangeKind::Flush => state.retain(|(database, _), _| *database != change.database.0),
            ChangeKind::FlushAll => state.clear(),
        }
    }
}

/// The chunks of a value that is an object.
pub(super) fn chunks_of(value: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (_, chunks) = read_chunks(value.strip_prefix(OBJECT)?).expect("it is whole");
    Some(chunks.iter().map(|parts| parts.concat()).collect())
}

/// Chunks after an amendment.
fn amended(mut chunks: Vec<Vec<u8>>, amendment: &Amendment<'_>) -> Vec<Vec<u8>> {
    assert_eq!(chunks.len(), amendment.chunks);
    let mut goes = vec![false; chunks.len()];
    for edit in &amendment.edits {
        match *edit {
            Edit::Splice { chunk, at, removed, inserted } => {
                chunks[chunk].splice(at..at + removed, inserted.iter().copied());
            }
            Edit::Remove { chunk } => goes[chunk] = true,
        }
    }
    let inserts = amendment.inserts();
    let mut after = Vec::new();
    for (index, chunk) in chunks.into_iter().enumerate() {
        if !goes[index] {
            after.push(chunk);
        }
        for insert in inserts.iter().filter(|insert| insert.after == index) {
            after.extend(insert.chunks.iter().map(|parts| parts.concat()));
        }
    }
    after
}
