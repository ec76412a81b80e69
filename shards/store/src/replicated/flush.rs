//! Owns the flush of one partition, of one database or of all, on this replica.

use crate::index::Index;
use crate::store::Store;

impl Store {
    /// Empties the indexes of a partition.
    pub(crate) fn drop_partition(&mut self, local: u16, database: Option<u8>) {
        self.touch_flushed(database, Some(local));
        self.note_applied_all();
        for at in 0..self.databases.len() {
            let is_meant = database.is_none_or(|database| usize::from(database) == at);
            if !is_meant || self.databases[at].is_empty() {
                continue;
            }
            let empty = Index::new(&mut self.pool);
            let index = std::mem::replace(&mut self.databases[at][usize::from(local)], empty);
            self.detach_part(at, index);
        }
        self.forget_candidates();
    }
}
