//! Owns what a node of a cluster shares between its cores and its side threads: who it is, what is agreed, how it stands.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use hyperion_cluster::config::Config;
use hyperion_cluster::state::ClusterState;

use super::agreed::Agreed;
use super::formation::{Formation, Mark};
use super::settling::Report;
use super::standing::Standing;

/// Where the cores and the side threads find the cluster that the node belongs to: nothing while the node is alone.
pub(crate) type MemberPlace = Arc<OnceLock<Arc<Member>>>;

/// A node of a cluster.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) uuid: String,
    pub(crate) agreed: Agreed,
    pub(crate) standing: Standing,
    formation: Mutex<Formation>,
}

impl Member {
    /// Reads what the data folder knows.
    ///
    /// Errors: its files cannot be read or written, or are none.
    pub(crate) fn open(data: &Path, uuid: &str, random: u128) -> io::Result<Self> {
        let formation = Mutex::new(Formation::open(data, uuid, random)?);
        let (agreed, standing) = (Agreed::open(data)?, Standing::default());
        Ok(Self { uuid: uuid.to_owned(), agreed, standing, formation })
    }

    /// The mark of the folder; the lock is held to read it, and by the first core to write it once.
    pub(crate) fn formation(&self) -> MutexGuard<'_, Formation> {
        self.formation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What groups begin with that the log does not know: a crash may have come between the formation and the first words of them. Once a
    /// config has followed the first one, group 0 places them, and there is nothing to found; nor is there for a node that came later.
    /// Where a node was alone before, the first one is that which made it a cluster.
    pub(crate) fn founding(&self) -> Option<Arc<ClusterState>> {
        let formation = self.formation();
        let mark = formation.mark();
        let was_there = mark.members.as_ref()?.get(&mark.uuid) == Some(&mark.incarnation);
        let is_first = |state: &Arc<ClusterState>| {
            state.history().entries().len() == 1 || mark.grown_epoch == Some(state.config().epoch)
        };
        self.agreed.get().filter(|state| was_there && is_first(state))
    }

    /// What the node tells others of itself; `config` is that of its file.
    pub(crate) fn report(&self, config: &Config) -> Report {
        let mark: Mark = self.formation().mark().clone();
        let state = self.agreed.get().filter(|_| mark.members.is_some());
        let config = state.is_none().then(|| Box::new(config.clone()));
        Report { mark, config, state: state.map(|state| Box::new(state.as_ref().clone())) }
    }
}
