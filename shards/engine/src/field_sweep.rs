//! Owns the end of fields that expired in hashes that nobody changes: a walk over all keys, a few a tick, that knows nothing between two ticks
//! but its place. So it finds what came by any way: commands, copies, replication, a start.

use crate::command::{Blocking, field_expired, find};
use crate::engine::Engine;
use crate::limits::{FIELD_SWEEP_KEYS, FIELD_SWEEP_KEYS_BUSY};
use crate::recorded::Recorded;
use crate::request::Request;
use hyperion_model::DatabaseId;
use hyperion_model::limits::DATABASES;
use hyperion_store::ScanCursor;

/// Where the walk stands.
#[derive(Default)]
pub(crate) struct FieldSweep {
    database: u8,
    cursor: ScanCursor,
    /// The last step found fields that had expired.
    is_busy: bool,
}

impl Engine {
    /// Looks at the next keys for hashes with fields that have expired. These are taken out as by a command, where this node may write:
    /// elsewhere they stay, hidden, until the leader does it.
    pub fn sweep_fields(&mut self) {
        let databases = (0..DATABASES).map(|step| (self.field_sweep.database + step) % DATABASES);
        let Some(database) = databases.into_iter().find(|&at| self.store.count(DatabaseId(at)) > 0)
        else {
            return;
        };
        if database != self.field_sweep.database {
            self.field_sweep = FieldSweep { database, ..FieldSweep::default() };
        }
        let FieldSweep { cursor, is_busy, .. } = self.field_sweep;
        let count = if is_busy { FIELD_SWEEP_KEYS_BUSY } else { FIELD_SWEEP_KEYS };
        let mut names: Vec<Vec<u8>> = Vec::new();
        let database = DatabaseId(database);
        let next = self.store.scan(database, cursor, count, |key| names.push(key.to_vec()));
        let lookups = self.store.lookups();
        names.retain(|bytes| {
            let key = self.store.key(database, bytes);
            let found = self.store.peek(&key);
            found.is_some_and(|found| field_expired(&self.store, &found))
        });
        self.store.set_lookups(lookups);
        names.iter().for_each(|bytes| self.take_out_expired(database, bytes));
        self.field_sweep.is_busy = !names.is_empty();
        self.field_sweep.cursor = next;
        if next == ScanCursor(0) {
            self.field_sweep.database = (database.0 + 1) % DATABASES;
        }
    }

    /// Runs a command that changes nothing else. Where it has to wait the next walk comes by again.
    fn take_out_expired(&mut self, database: DatabaseId, key: &[u8]) {
        let words: [&[u8]; 5] = [b"hgetex", key, b"FIELDS", b"1", b""];
        let request = Request {
            spec: find(words[0]).expect("it is in the table"),
            database,
            arguments: &words,
            own_core_only: false,
            client: (u16::MAX, u64::MAX),
            slot: None,
            from_replica: false,
            blocking: Blocking::Never,
        };
        let lookups = self.store.lookups();
        self.store.set_quiet(true);
        let _ = self.execute(&request, &mut Recorded::default());
        self.store.set_quiet(false);
        self.store.set_lookups(lookups);
    }
}
