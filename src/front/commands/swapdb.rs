//! Owns SWAPDB: two databases change numbers, and nothing that is kept moves. The config says which number leads where; a core takes it between
//! two commands, with all that its clients are about.

use hyperion_engine::WatchedKey;
use hyperion_model::{DatabaseId, Databases};
use hyperion_store::Store;

use super::super::client::Client;
use super::amend::{Amended, failure};
use super::run::Carried;
use crate::node::NodeCore;

/// A version that no key has: EXEC finds it changed.
const CHANGED: u64 = u64::MAX;

impl NodeCore {
    /// `SWAPDB number number`
    pub(super) fn swapdb(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        if self.view.is_some() {
            return Err("ERR SWAPDB is not allowed in cluster mode".to_owned());
        }
        let numbers = [(arguments[1], "first"), (arguments[2], "second")];
        let [one, other] = numbers.map(|(word, which)| match super::connection::database(word) {
            Err(error) if error.contains("integer") => Err(format!("ERR invalid {which} DB index")),
            number => number,
        });
        let (one, other) = (one?, other?);
        if one == other {
            return Ok(self.agree(client));
        }
        let change = move |settings: &mut crate::config::Settings| {
            let mut databases = Databases::of(&settings.databases).unwrap_or_default();
            databases.swap(one, other);
            settings.databases = databases.to_config();
        };
        self.amend(client, change, |outcome| {
            outcome.map(|()| Amended::Ok).map_err(|error| failure("SWAPDB", &error, &[]))
        })
    }

    /// Numbers of databases lead elsewhere from now on: for clients, for what they have queued, and for those that wait.
    pub(crate) fn databases_changed(&mut self, next: Databases) {
        let before = std::mem::replace(&mut self.databases, next);
        for client in self.clients.iter_mut() {
            let session = &mut client.session;
            let kept = before.moved(next, session.database);
            session.database = kept;
            if let Some(multi) = &mut session.multi {
                multi.move_databases(|database| before.moved(next, database));
            }
            for watched in &mut session.watched {
                let kept = before.moved(next, watched.database);
                if kept != watched.database {
                    move_watch(self.engine.store_mut(), watched, kept);
                }
            }
        }
        self.move_waits(|database| before.moved(next, database));
    }
}

/// A watched key is to be found in another database. Where both databases are without it nothing has changed, if this core can tell.
fn move_watch(store: &mut Store, watched: &mut WatchedKey, kept: DatabaseId) {
    watched.version = CHANGED;
    if !store.owns_key(&watched.key) {
        return;
    }
    let [old, new] = [watched.database, kept].map(|database| store.key(database, &watched.key));
    if store.peek(&old).is_some() || store.peek(&new).is_some() {
        return;
    }
    if let Some(version) = store.watch(&new) {
        store.unwatch(&old);
        (watched.database, watched.version) = (kept, version);
    }
}
