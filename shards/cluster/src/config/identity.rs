//! Owns which node of a config this one is.

use super::document::{Config, Node};

/// Why no node of the config is this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unidentified {
    /// The data was made for a node that was removed since.
    #[error(
        "this node (uuid {0}) was removed from the cluster; wipe its data and let it join with a new uuid"
    )]
    Removed(String),
    /// The data was made for a node that the config does not have.
    #[error(
        "the data belongs to the node with uuid {0}, which is not in the config; give the config that the data belongs to"
    )]
    DataOfAnother(String),
    /// The flag names a node that the config does not have.
    #[error("the config has no node {wanted:?}, it has {found}; correct --node")]
    NameUnknown {
        /// The name in the flag.
        wanted: String,
        /// The names in the config.
        found: String,
    },
    /// The flag names another node than the one that the data was made for.
    #[error("--node says {wanted:?} and the data belongs to {found:?}; correct --node or --data")]
    NameOfAnother {
        /// The name in the flag.
        wanted: String,
        /// The name of the node that the data was made for.
        found: String,
    },
    /// Several nodes and nothing that says which.
    #[error("the config has the nodes {0}; say with --node which of them this is")]
    NotSaid(String),
}

/// Finds this node: by the uuid that its data was made for, by the name in the flag when there is
/// no data yet, or as the only one.
///
/// Errors: [`Unidentified`], one sentence.
pub fn identify<'a>(
    config: &'a Config,
    data_uuid: Option<&str>,
    name: Option<&str>,
) -> Result<&'a Node, Unidentified> {
    let names = || {
        let names: Vec<String> =
            config.nodes.iter().map(|node| format!("{:?}", node.name)).collect();
        names.join(", ")
    };
    if let Some(uuid) = data_uuid {
        if config.removed.iter().any(|removed| removed == uuid) {
            return Err(Unidentified::Removed(uuid.to_owned()));
        }
        let node = config.nodes.iter().find(|node| node.uuid == uuid);
        let node = node.ok_or_else(|| Unidentified::DataOfAnother(uuid.to_owned()))?;
        return match name.filter(|name| *name != node.name) {
            Some(name) => Err(Unidentified::NameOfAnother {
                wanted: name.to_owned(),
                found: node.name.clone(),
            }),
            None => Ok(node),
        };
    }
    match (name, config.nodes.as_slice()) {
        (Some(name), nodes) => nodes
            .iter()
            .find(|node| node.name == name)
            .ok_or_else(|| Unidentified::NameUnknown { wanted: name.to_owned(), found: names() }),
        (None, [node]) => Ok(node),
        (None, _) => Err(Unidentified::NotSaid(names())),
    }
}
