//! Owns what all nodes agree on before their data: the first formation.

use hyperion_cluster::state::ClusterState;
use hyperion_engine::{Engine, Replica};
use hyperion_runtime::process;
use hyperion_wire::peer::{Body, ConfigCurrent, ConfigFetch};

use super::commit::die;
use super::core::{Mail, NodeCore};
use crate::cluster::Decision;
use crate::config::ConfigError;

/// The groups of a core, before the cluster is formed.
#[derive(Debug)]
pub(crate) struct Unformed {
    pub(super) node: u32,
    pub(super) seed: u64,
    pub(super) replicas: Vec<Replica>,
    /// What group 0 holds at first.
    pub(super) founding: Option<ClusterState>,
}

impl Unformed {
    /// The groups begin.
    ///
    /// Errors: a sentence.
    pub(super) fn begin(self, engine: &mut Engine) -> Result<(), String> {
        let Self { node, seed, replicas, founding } = self;
        let now_ns = process::boot_time_ns();
        engine
            .replicate(node, seed, replicas, founding.as_ref(), now_ns)
            .map_err(|error| error.to_string())
    }
}

impl NodeCore {
    pub(super) fn route_formation(&mut self, node: u32, told: Option<Vec<u8>>) {
        if self.index == 0 {
            self.formation_mail(node, told);
        } else {
            self.links[0].backlog.push_back(Mail::Formation(node, told));
        }
    }

    /// A peer asks whether the cluster is formed, or tells.
    pub(super) fn formation_mail(&mut self, node: u32, told: Option<Vec<u8>>) {
        let Some(formation) = &mut self.formation else { return };
        let Some(told) = told else {
            let report = formation.report();
            let answer = ConfigCurrent {
                request: 0,
                epoch: 0,
                hash: [0; 32],
                config: report.into(),
                history: Vec::new(),
            };
            if let Some(peers) = &mut self.peers {
                peers.queue(node, |out| {
                    let _ = answer.encode(out);
                });
            }
            return;
        };
        if self.unformed.is_none() {
            return;
        }
        match formation.hear(&told) {
            Ok(Decision::Formed) => {
                tracing::info!("the cluster is formed");
                for link in self.links.iter_mut().skip(1) {
                    link.backlog.push_back(Mail::Formed);
                }
                self.begin_groups();
            }
            Ok(Decision::Wait(sentence)) => {
                if formation.is_news(&sentence) {
                    tracing::info!("{sentence}");
                }
            }
            Ok(Decision::Refuse(sentence)) => {
                tracing::error!("{sentence}");
                std::process::exit(i32::from(ConfigError::EXIT_CODE));
            }
            Err(error) => die(&format!("keeping formation.json failed: {error}")),
        }
    }

    /// The cluster is formed: the groups of this core begin.
    pub(super) fn begin_groups(&mut self) {
        let Some(unformed) = self.unformed.take() else { return };
        if let Err(sentence) = unformed.begin(&mut self.engine) {
            die(&sentence);
        }
    }

    /// Asks all peers whether the cluster is formed, until it is.
    pub(super) fn ask_formation(&mut self) {
        if self.unformed.is_none() || self.formation.is_none() {
            return;
        }
        let others: Vec<u32> =
            self.view.iter().flat_map(|view| &view.nodes).map(|node| node.id).collect();
        if let Some(peers) = &mut self.peers {
            for node in others {
                let ask = ConfigFetch { request: 0, epoch_min: 0 };
                peers.queue(node, |out| {
                    let _ = ask.encode(out);
                });
            }
        }
    }
}
