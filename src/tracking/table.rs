//! Owns which keys of this core were read by clients that keep copies, and by whom.

use std::collections::{HashMap, VecDeque};

use hyperion_runtime::ConnectionId;

use super::limits::{KEY_SLACK_BYTES, READER_BYTES, TRACKED_BYTES_MAX};

/// A client that has read a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reader {
    pub(super) core: u16,
    pub(super) connection: ConnectionId,
    /// Its read is under way: it may yet see a change that was told before.
    is_held: bool,
    /// A read that has ended counts since the last change.
    has_read: bool,
    /// The position of the core's log that its last read has seen; 0: it hears of every change.
    since: u64,
}

/// What a client does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A read is under way: it hears of all changes.
    Begun,
    /// It has read: it hears of the next change.
    Done,
    /// It has read what is before this position of the core's log: it hears of the next change behind that.
    DoneAt(u64),
    /// What was under way has not read it after all.
    Without,
}

/// Keys and their readers; a key goes when it changes.
#[derive(Debug, Default)]
pub(super) struct Table {
    keys: HashMap<Box<[u8]>, Vec<Reader>>,
    /// In the order in which they came; some are gone.
    order: VecDeque<Box<[u8]>>,
    bytes: usize,
    readers: usize,
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn keys_count(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn readers_count(&self) -> usize {
        self.readers
    }

    /// A client reads a key.
    pub(super) fn add(
        &mut self,
        key: &[u8],
        core: u16,
        connection: ConnectionId,
        reading: Reading,
    ) {
        if reading == Reading::Without {
            return self.end_without(key, core, connection);
        }
        let (is_held, since) = match reading {
            Reading::Begun => (true, 0),
            Reading::DoneAt(since) => (false, since),
            Reading::Done | Reading::Without => (false, 0),
        };
        let has_read = !is_held;
        let reader = Reader { core, connection, is_held, has_read, since };
        let readers = match self.keys.get_mut(key) {
            Some(readers) => readers,
            None => {
                self.bytes += 2 * key.len() + KEY_SLACK_BYTES;
                self.order.push_back(key.into());
                self.keys.entry(key.into()).or_default()
            }
        };
        let is_same = |other: &&mut Reader| (other.core, other.connection) == (core, connection);
        match readers.iter_mut().find(is_same) {
            Some(other) => {
                // What it had read before, and has not been told of, is told.
                other.since = if other.has_read { other.since.min(since) } else { since };
                other.is_held = is_held;
                other.has_read |= has_read;
            }
            None => {
                self.bytes += READER_BYTES;
                self.readers += 1;
                readers.push(reader);
            }
        }
    }

    /// A read has ended that was none of this key: what was read before it counts on.
    fn end_without(&mut self, key: &[u8], core: u16, connection: ConnectionId) {
        let Some(readers) = self.keys.get_mut(key) else { return };
        let of = |reader: &Reader| (reader.core, reader.connection) == (core, connection);
        let Some(at) = readers.iter().position(of) else { return };
        readers[at].is_held = false;
        if !readers[at].has_read {
            readers.swap_remove(at);
            self.bytes -= READER_BYTES;
            self.readers -= 1;
        }
        if readers.is_empty() {
            self.take(key);
        }
    }

    /// A key has changed at a position of the core's log, where that is known: gives its readers. Those stay whose reads are under way, or have
    /// seen the change.
    pub(super) fn changed(&mut self, key: &[u8], position: u64) -> Vec<Reader> {
        let Some(readers) = self.take(key) else { return Vec::new() };
        let has_seen = |it: &Reader| !it.is_held && position != 0 && position <= it.since;
        for reader in readers.iter().filter(|it| it.is_held || has_seen(it)) {
            let Reader { core, connection, is_held, since, .. } = *reader;
            let reading = if is_held { Reading::Begun } else { Reading::DoneAt(since) };
            self.add(key, core, connection, reading);
        }
        readers.into_iter().filter(|it| !has_seen(it)).collect()
    }

    fn take(&mut self, key: &[u8]) -> Option<Vec<Reader>> {
        let readers = self.keys.remove(key)?;
        self.bytes -= 2 * key.len() + KEY_SLACK_BYTES + READER_BYTES * readers.len();
        self.readers -= readers.len();
        // Names that are gone are dropped before they are most of what is there.
        if self.order.len() > 2 * self.keys.len() + 1_024 {
            self.order.retain(|key| self.keys.contains_key(key));
        }
        Some(readers)
    }

    /// The oldest key, if there are more than so many: it is to be told as changed.
    pub(super) fn too_much(&mut self, keys_max: usize) -> Option<(Box<[u8]>, Vec<Reader>)> {
        while self.keys.len() > keys_max || self.bytes > TRACKED_BYTES_MAX {
            let key = self.order.pop_front()?;
            if let Some(readers) = self.take(&key) {
                return Some((key, readers));
            }
        }
        None
    }

    /// Everything has changed.
    pub(super) fn clear(&mut self) {
        let held: Vec<(Box<[u8]>, Reader)> = self
            .keys
            .iter()
            .flat_map(|(key, readers)| readers.iter().map(|reader| (key.clone(), *reader)))
            .filter(|(_, reader)| reader.is_held)
            .collect();
        *self = Self::default();
        for (key, reader) in held {
            self.add(&key, reader.core, reader.connection, Reading::Begun);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: ConnectionId = ConnectionId { index: 1, generation: 0 };

    fn readers(table: &mut Table, key: &[u8]) -> Vec<u16> {
        table.changed(key, 0).iter().map(|reader| reader.core).collect()
    }

    #[test]
    fn a_reader_hears_of_one_change_and_of_all_while_it_reads() {
        let mut table = Table::default();
        table.add(b"a", 0, ANN, Reading::Done);
        table.add(b"a", 0, ANN, Reading::Done);
        table.add(b"a", 1, ANN, Reading::Begun);
        assert_eq!((table.keys_count(), table.readers_count()), (1, 2));
        assert_eq!(readers(&mut table, b"a"), [0, 1]);
        assert_eq!(readers(&mut table, b"a"), [1]);
        table.clear();
        assert_eq!(readers(&mut table, b"a"), [1]);
        table.add(b"a", 1, ANN, Reading::Done);
        assert_eq!(readers(&mut table, b"a"), [1]);
        assert_eq!(readers(&mut table, b"a"), [0; 0]);
        assert_eq!((table.is_empty(), table.bytes, table.readers), (true, 0, 0));
    }

    /// A transaction that writes a key and reads it behind that keeps what it has read.
    #[test]
    fn who_has_seen_a_change_does_not_hear_of_it() {
        let heard = |table: &mut Table, position| table.changed(b"a", position).len();
        let mut table = Table::default();
        table.add(b"a", 0, ANN, Reading::DoneAt(20));
        assert_eq!([10, 20, 21, 22].map(|at| heard(&mut table, at)), [0, 0, 1, 0]);
        // Of a change of which nobody knows where it is it hears.
        table.add(b"a", 0, ANN, Reading::DoneAt(20));
        assert_eq!(heard(&mut table, 0), 1);
        // What it had read before it has not seen.
        table.add(b"a", 0, ANN, Reading::Done);
        table.add(b"a", 0, ANN, Reading::DoneAt(20));
        assert_eq!([10, 20].map(|at| heard(&mut table, at)), [1, 0]);
        assert_eq!((table.is_empty(), table.bytes, table.readers), (true, 0, 0));
    }

    #[test]
    fn what_was_not_read_after_all_leaves_what_was_read_before() {
        let mut table = Table::default();
        // A script may read two keys and reads none of them; one was read before.
        table.add(b"a", 0, ANN, Reading::Done);
        for key in [b"a", b"b"] {
            table.add(key, 0, ANN, Reading::Begun);
            table.add(key, 0, ANN, Reading::Without);
        }
        assert_eq!(readers(&mut table, b"b"), [0; 0]);
        assert_eq!(readers(&mut table, b"a"), [0]);
        // What was read before has changed and was told while the script ran.
        table.add(b"a", 0, ANN, Reading::Done);
        table.add(b"a", 0, ANN, Reading::Begun);
        assert_eq!(readers(&mut table, b"a"), [0]);
        table.add(b"a", 0, ANN, Reading::Without);
        assert_eq!((table.is_empty(), table.bytes, table.readers), (true, 0, 0));
    }

    #[test]
    fn the_oldest_key_goes_when_there_are_too_many_bytes() {
        let mut table = Table::default();
        let long = vec![b'k'; 1 << 20];
        let mut gone = Vec::new();
        for number in 0..200_u16 {
            let key = [&number.to_le_bytes()[..], &long].concat();
            table.add(&key, number, ANN, Reading::Done);
            gone.extend(
                std::iter::from_fn(|| table.too_much(1_000_000)).map(|(_, all)| all[0].core),
            );
        }
        assert!(table.bytes <= TRACKED_BYTES_MAX);
        assert_eq!(gone, (0..u16::try_from(gone.len()).expect("few")).collect::<Vec<_>>());
        assert!(!gone.is_empty());
    }

    #[test]
    fn names_of_keys_that_come_and_go_do_not_heap_up() {
        let mut table = Table::default();
        for number in 0..10_000_u32 {
            table.add(&number.to_le_bytes(), 0, ANN, Reading::Done);
            table.changed(&number.to_le_bytes(), 0);
        }
        assert!(table.order.len() <= 1_026, "{}", table.order.len());
    }
}
