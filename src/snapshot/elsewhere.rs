//! Owns what a snapshot over all nodes becomes on other machines: the config of another cluster, worked out alike for each of its nodes, and
//! what the folder of a node gets of it.
//!
//! Each node is restored by itself, on its machine, and all must come out as nodes of one cluster. So nothing is drawn by chance: who they are
//! follows from the snapshot and the file, and where the files differ the nodes refuse each other.

use std::fs;
use std::path::{Path, PathBuf};

use hyperion_cluster::change::{Elsewhere as Asked, restored_elsewhere};
use hyperion_cluster::config::limits::CONFIG_BYTES_MAX;
use hyperion_cluster::config::{Config, Node, Role, from_random, hash, parse};
use hyperion_cluster::state::ClusterState;
use hyperion_engine::Eviction;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::cluster::Manifest;
use super::restore::{failed, make_folder};
use super::restore_error::RestoreError;
use crate::cluster::{Mark, Members, keep_agreed, keep_mark};
use crate::config;
use crate::node::{NodeError, Stopped, random_bytes};

/// What of the file is not looked at, because the snapshot and the file together say who the cluster is.
const IDENTITY: [&str; 4] = ["cluster_id", "epoch", "parent", "removed"];

/// The cluster that a snapshot becomes.
pub(super) struct Elsewhere {
    file: PathBuf,
    state: ClusterState,
    /// The nodes that have a part of the snapshot.
    members: Members,
    /// The snapshot's number: Unix ms, past every index and term that a part has of group 0.
    snapshot: u64,
}

impl Elsewhere {
    /// Reads the file, whose gaps are filled with the snapshot's config.
    ///
    /// Errors: it is none, or does not fit the snapshot: all that is wrong.
    pub(super) fn plan(manifest: &Manifest, file: &Path) -> Result<Self, RestoreError> {
        let refused = |what: String| RestoreError::Config { path: file.to_path_buf(), what };
        let bytes = fs::read(file).map_err(failed(file))?;
        if bytes.len() > CONFIG_BYTES_MAX {
            return Err(refused(format!("it has more than {CONFIG_BYTES_MAX} bytes")));
        }
        let wanted = wanted(manifest.state.config(), &bytes).map_err(refused)?;
        let names = Names { snapshot: manifest.snapshot, wanted: hash(&wanted) };
        let cluster_id = names.uuid("cluster", "");
        let uuid = |name: &str| names.uuid("node", name);
        let before = manifest.state.config();
        let note = format!(
            "restored from the snapshot {} of cluster {}, which was at epoch {}",
            manifest.snapshot, before.cluster_id, before.epoch
        );
        let evictions: Vec<&str> = Eviction::ALL.iter().map(|eviction| eviction.name()).collect();
        let asked = Asked {
            wanted: &wanted,
            cluster_id: &cluster_id,
            uuid: &uuid,
            note: &note,
            evictions: &evictions,
        };
        let state = restored_elsewhere(&manifest.state, asked).map_err(|problems| {
            let sentences: Vec<String> = problems.iter().map(ToString::to_string).collect();
            refused(sentences.join(" | "))
        })?;
        let member =
            |part: &super::cluster::Part| (uuid(&part.node), names.incarnation(&part.node));
        let members = manifest.parts.iter().map(member).collect();
        Ok(Self { file: file.to_path_buf(), state, members, snapshot: manifest.snapshot })
    }

    /// A node of it.
    ///
    /// Errors: there is none of that name.
    pub(super) fn node(&self, name: &str) -> Result<&Node, RestoreError> {
        let nodes = &self.state.config().nodes;
        nodes.iter().find(|node| node.name == name).ok_or_else(|| {
            let names: Vec<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
            let what = format!("it has no node {name:?}; give one of {}", names.join(", "));
            RestoreError::Config { path: self.file.clone(), what }
        })
    }

    /// Lets a folder with a part of the snapshot be that of a node.
    ///
    /// Errors: the data is damaged, or the disk does not take it.
    pub(super) fn fill(&self, folder: &Path, node: &Node) -> Result<(), RestoreError> {
        let stopped = Stopped::open_as(folder, node.role == Role::Voter)?;
        stopped.begin_anew((self.snapshot, self.snapshot), &self.state)?;
        keep_agreed(folder, &self.state).map_err(failed(folder))?;
        let incarnation = self.members.get(&node.uuid).cloned().unwrap_or_default();
        self.mark(folder, node, incarnation, Some(self.members.clone()))
    }

    /// Makes the folder of a node that has no part of the snapshot: it gets its share from the others.
    ///
    /// Errors: there is something, or the disk does not take it.
    pub(super) fn add(&self, to: &Path, node: &Node) -> Result<(), RestoreError> {
        let mut bytes = [0; 16];
        random_bytes(&mut bytes)
            .map_err(|error| NodeError::System { what: "reading random bits", error })?;
        let incarnation = format!("{:032x}", u128::from_le_bytes(bytes));
        make_folder(to, |folder| self.mark(folder, node, incarnation, None))
    }

    fn mark(
        &self,
        folder: &Path,
        node: &Node,
        incarnation: String,
        members: Option<Members>,
    ) -> Result<(), RestoreError> {
        let mark = Mark { uuid: node.uuid.clone(), incarnation, members, grown_epoch: None };
        keep_mark(folder, &mark)
            .and_then(|()| config::write_file(&folder.join("config.json"), self.state.config()))
            .map_err(failed(folder))
    }

    /// What is told of a node whose folder is there.
    pub(super) fn sentence(&self, node: &Node, data: &Path) -> String {
        let config = self.state.config();
        format!(
            "node {:?} is one of {} of cluster {} (epoch {}), which serves when a majority of those with a part of the snapshot are restored with \
             the same file and started: hyperiond --data {}",
            node.name,
            config.nodes.len(),
            config.cluster_id,
            config.epoch,
            data.display()
        )
    }
}

/// Who the cluster and its nodes are.
struct Names {
    snapshot: u64,
    /// Hash of the config that is wanted.
    wanted: String,
}

impl Names {
    fn uuid(&self, kind: &str, name: &str) -> String {
        from_random(self.bytes(kind, name))
    }

    fn incarnation(&self, name: &str) -> String {
        format!("{:032x}", u128::from_be_bytes(self.bytes("folder", name)))
    }

    fn bytes(&self, kind: &str, name: &str) -> [u8; 16] {
        let text = format!("{} {} {kind} {name}", self.snapshot, self.wanted);
        let digest = Sha256::digest(text.as_bytes());
        *digest.first_chunk().expect("a sum has 32 bytes")
    }
}

/// The config that a person wants: what the file does not say is as in the snapshot.
///
/// Errors: what is wrong with the file.
fn wanted(before: &Config, bytes: &[u8]) -> Result<Config, String> {
    let mut given: Value =
        serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))?;
    let fields = given.as_object_mut().ok_or("it is no object; give one with \"nodes\"")?;
    if !fields.contains_key("nodes") {
        return Err(
            "it has no \"nodes\"; give an entry with name, resp, http and peer for each node"
                .to_owned(),
        );
    }
    IDENTITY.iter().for_each(|field| {
        fields.remove(*field);
    });
    for node in fields.get_mut("nodes").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(node) = node.as_object_mut() {
            node.remove("uuid");
            node.remove("id");
        }
    }
    let mut whole = serde_json::to_value(before).map_err(|error| error.to_string())?;
    lay_over(&mut whole, given);
    let text = whole.to_string();
    parse(text.as_bytes()).map_err(|error| error.into_problem().to_string())
}

/// Objects field by field; everything else is replaced.
fn lay_over(whole: &mut Value, given: Value) {
    match (whole, given) {
        (Value::Object(whole), Value::Object(given)) => {
            for (name, value) in given {
                match whole.get_mut(&name) {
                    Some(known) => lay_over(known, value),
                    None => drop(whole.insert(name, value)),
                }
            }
        }
        (whole, given) => *whole = given,
    }
}
