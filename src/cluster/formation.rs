//! Owns the first formation of a cluster: once, when every node of the config says that it has nothing, and never again.
//!
//! Each data folder draws an incarnation at its first start. Who forms the cluster writes down whose incarnations it counted on. A folder
//! that was emptied later has another incarnation, so it is known for what it is: a voter that has lost its memory, which must not vote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use hyperion_runtime::files;
use serde::{Deserialize, Serialize};

/// What a node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The node.
    pub(crate) uuid: String,
    /// The hash of its config.
    pub(crate) config_hash: String,
    /// Its data folder.
    pub(crate) incarnation: String,
    /// Once the cluster is formed: the incarnation of each node that it was formed with.
    pub(crate) members: Option<BTreeMap<String, String>>,
    /// And the hash of the config that this node had then.
    #[serde(default)]
    pub(crate) founded_with: Option<String>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The cluster was formed, here too.
    Formed,
    /// Ask again; a sentence for `/health` and the log.
    Wait(String),
    /// This node must not take part; a sentence.
    Refuse(String),
}

/// Where a node stands.
#[derive(Debug)]
pub(crate) struct Formation {
    path: PathBuf,
    own: Report,
    /// The other nodes of the config, with what they said.
    others: BTreeMap<String, Option<Report>>,
    /// Why it waits, as it was told last.
    told: Option<String>,
}

impl Formation {
    /// Reads what the data folder knows, or draws its incarnation.
    ///
    /// Errors: the file cannot be read or written, or is none.
    pub(crate) fn open(
        data: &Path,
        uuid: &str,
        config_hash: &str,
        others: impl IntoIterator<Item = String>,
        random: u128,
    ) -> io::Result<Self> {
        let path = data.join("formation.json");
        let own = match fs::read(&path) {
            Ok(bytes) => {
                let report: Report = serde_json::from_slice(&bytes)?;
                Report { config_hash: config_hash.to_owned(), ..report }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Report {
                uuid: uuid.to_owned(),
                config_hash: config_hash.to_owned(),
                incarnation: format!("{random:032x}"),
                members: None,
                founded_with: None,
            },
            Err(error) => return Err(error),
        };
        let others = others.into_iter().map(|uuid| (uuid, None)).collect();
        let formation = Self { path, own, others, told: None };
        formation.write()?;
        Ok(formation)
    }

    fn write(&self) -> io::Result<()> {
        files::replace(&self.path, &serde_json::to_vec_pretty(&self.own)?)
    }

    /// What this node says.
    pub(crate) fn report(&self) -> Vec<u8> {
        serde_json::to_vec(&self.own).expect("a report has text keys alone")
    }

    pub(crate) fn is_formed(&self) -> bool {
        self.own.members.is_some()
    }

    /// Whether groups that the log does not know are those of the formation: a crash may have come before they were written. Later configs
    /// place them by what group 0 holds.
    pub(crate) fn may_found(&self) -> bool {
        !self.is_formed() || self.own.founded_with.as_ref() == Some(&self.own.config_hash)
    }

    /// Whether a reason to wait is another one than before: each is told once.
    pub(crate) fn is_news(&mut self, sentence: &str) -> bool {
        let is_news = self.told.as_deref() != Some(sentence);
        if is_news {
            self.told = Some(sentence.to_owned());
        }
        is_news
    }

    /// Takes what another node says, and decides.
    ///
    /// Errors: the decision cannot be written down.
    pub(crate) fn hear(&mut self, bytes: &[u8]) -> io::Result<Decision> {
        if let Ok(report) = serde_json::from_slice::<Report>(bytes)
            && let Some(place) = self.others.get_mut(&report.uuid)
        {
            *place = Some(report);
        }
        self.decide()
    }

    fn decide(&mut self) -> io::Result<Decision> {
        if self.is_formed() {
            return Ok(Decision::Formed);
        }
        let heard: Vec<&Report> = self.others.values().flatten().collect();
        if let Some(formed) = heard.iter().find_map(|report| report.members.as_ref()) {
            if formed.get(&self.own.uuid) != Some(&self.own.incarnation) {
                return Ok(Decision::Refuse(
                    "the cluster was formed with another data folder of this node: what it had acknowledged is gone, so it must not \
                     vote; bring the folder back, or remove the node and add it anew with another uuid"
                        .to_owned(),
                ));
            }
            self.own.members = Some(formed.clone());
            self.own.founded_with = Some(self.own.config_hash.clone());
            self.write()?;
            return Ok(Decision::Formed);
        }
        let (have, need) = (heard.len() + 1, self.others.len() + 1);
        if have < need {
            return Ok(Decision::Wait(format!(
                "waiting for the first formation: {have} of {need} nodes answer, all must"
            )));
        }
        if let Some(other) = heard.iter().find(|report| report.config_hash != self.own.config_hash)
        {
            return Ok(Decision::Wait(format!(
                "waiting for the first formation: node {} has another config; give all nodes the same file",
                other.uuid
            )));
        }
        let all = heard.iter().copied().chain([&self.own]);
        let members = all.map(|it| (it.uuid.clone(), it.incarnation.clone())).collect();
        self.own.members = Some(members);
        self.own.founded_with = Some(self.own.config_hash.clone());
        self.write()?;
        Ok(Decision::Formed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Node {
        folder: PathBuf,
        formation: Formation,
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("formation-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn open(folder: &Path, own: &str, hash: &str, random: u128) -> Formation {
        let others = ["a", "b", "c"].into_iter().filter(|&it| it != own).map(str::to_owned);
        Formation::open(folder, own, hash, others, random).unwrap()
    }

    fn three(test: &str) -> Vec<Node> {
        let node = |(at, name): (usize, &str)| {
            let folder = folder(&format!("{test}-{name}"));
            let formation = open(&folder, name, "hash", at as u128);
            Node { folder, formation }
        };
        ["a", "b", "c"].into_iter().enumerate().map(node).collect()
    }

    fn end(nodes: &[Node]) {
        nodes.iter().for_each(|node| fs::remove_dir_all(&node.folder).unwrap());
    }

    #[test]
    fn a_cluster_is_formed_when_all_say_so_and_not_before() {
        let mut nodes = three("all");
        let reports: Vec<_> = nodes.iter().map(|node| node.formation.report()).collect();
        let a = &mut nodes[0].formation;
        assert!(
            matches!(a.hear(&reports[1]).unwrap(), Decision::Wait(it) if it.contains("2 of 3"))
        );
        assert_eq!(a.hear(&reports[2]).unwrap(), Decision::Formed);
        // Another one hears of it, without having heard all.
        let formed = nodes[0].formation.report();
        assert_eq!(nodes[1].formation.hear(&formed).unwrap(), Decision::Formed);
        // And it stays formed.
        assert!(open(&nodes[1].folder, "b", "other", 9).is_formed());
        end(&nodes);
    }

    #[test]
    fn a_folder_that_was_emptied_is_not_let_in_again() {
        let mut nodes = three("emptied");
        let reports: Vec<_> = nodes.iter().map(|node| node.formation.report()).collect();
        nodes[0].formation.hear(&reports[1]).unwrap();
        assert_eq!(nodes[0].formation.hear(&reports[2]).unwrap(), Decision::Formed);
        fs::remove_file(nodes[2].folder.join("formation.json")).unwrap();
        let mut c = open(&nodes[2].folder, "c", "hash", 77);
        let formed = nodes[0].formation.report();
        assert!(
            matches!(c.hear(&formed).unwrap(), Decision::Refuse(it) if it.contains("must not vote"))
        );
        assert!(!c.is_formed());
        end(&nodes);
    }

    #[test]
    fn nodes_with_different_configs_do_not_form_a_cluster() {
        let mut nodes = three("configs");
        nodes[1].formation = open(&nodes[1].folder, "b", "other hash", 1);
        let reports: Vec<_> = nodes.iter().map(|node| node.formation.report()).collect();
        nodes[0].formation.hear(&reports[1]).unwrap();
        let decision = nodes[0].formation.hear(&reports[2]).unwrap();
        assert!(matches!(decision, Decision::Wait(it) if it.contains("another config")));
        end(&nodes);
    }
}
