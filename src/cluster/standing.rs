//! Owns how this node stands to the cluster, for those who ask: `/health`, `GET /config/conflict`, and a person who decides.

use std::sync::{Mutex, PoisonError};

use hyperion_cluster::config::Difference;

/// How the node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It serves.
    Serves,
    /// It is not settled yet; a sentence.
    Waits(String),
    /// Its file contradicts the cluster.
    Conflict(Conflict),
}

/// How the file contradicts the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// What contradicts.
    pub(crate) sentence: String,
    /// By field, with what the cluster says and what the file says.
    pub(crate) differences: Vec<Difference>,
    /// Whether there is a cluster whose config can be taken.
    pub(crate) may_resolve: bool,
}

/// Whose config is to be in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// The cluster's, in the place of the file.
    Cluster,
    /// The file's, as the next one of the cluster.
    Mine,
}

/// One place that the first core writes and side threads read; the lock is held to copy.
#[derive(Debug)]
pub(crate) struct Standing {
    status: Mutex<Status>,
    wish: Mutex<Option<Take>>,
}

impl Default for Standing {
    fn default() -> Self {
        let status = Status::Waits("the node is starting".to_owned());
        Self { status: Mutex::new(status), wish: Mutex::new(None) }
    }
}

impl Standing {
    pub(crate) fn get(&self) -> Status {
        self.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gives `true` when it was another before.
    pub(crate) fn set(&self, status: Status) -> bool {
        let mut place = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *place != status;
        *place = status;
        is_news
    }

    /// A person decides a conflict.
    ///
    /// Errors: there is none to decide; a sentence.
    pub(crate) fn decide(&self, take: Take) -> Result<(), String> {
        match self.get() {
            Status::Conflict(Conflict { may_resolve: true, .. }) => {
                *self.wish.lock().unwrap_or_else(PoisonError::into_inner) = Some(take);
                Ok(())
            }
            Status::Conflict(_) => {
                Err("no cluster is formed yet: give all nodes the same file and start them again"
                    .to_owned())
            }
            Status::Waits(sentence) => Err(format!("no conflict is known of: {sentence}")),
            Status::Serves => {
                Err("no conflict: the node serves with the cluster's config".to_owned())
            }
        }
    }

    /// What a person has decided since the last call.
    pub(crate) fn take_wish(&self) -> Option<Take> {
        self.wish.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
