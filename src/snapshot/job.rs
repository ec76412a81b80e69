//! Owns what is asked of the thread that makes snapshots.

/// A snapshot that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// What is told of it.
    pub(super) name: String,
    /// This node's file.
    pub(super) file: String,
    pub(super) began_ms: u64,
    /// Of the config at the begin; 0 where the node is alone.
    pub(super) epoch: u64,
    pub(super) role: Role,
}

/// What of a snapshot this node makes.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// All of it: it is the only node.
    Alone,
    /// Its part, and it leads those of the others.
    Leads(Vec<u32>),
    /// Its part, led by that node.
    Follows(u32),
}

impl Role {
    /// The nodes without which there is no snapshot.
    pub(super) fn partners(&self) -> Vec<u32> {
        match self {
            Self::Alone => Vec::new(),
            Self::Leads(others) => others.clone(),
            Self::Follows(leader) => vec![*leader],
        }
    }
}
