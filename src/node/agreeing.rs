//! Owns what all nodes agree on before and beside their data: the first formation, and the one config.

use hyperion_engine::{Engine, Replica};
use hyperion_runtime::process;
use hyperion_wire::peer::{Body, ConfigCurrent, ConfigFetch, ConfigPropose};

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
}

impl Unformed {
    /// The groups begin.
    ///
    /// Errors: a sentence.
    pub(super) fn begin(self, engine: &mut Engine) -> Result<(), String> {
        let Self { node, seed, replicas } = self;
        let now_ns = process::boot_time_ns();
        engine.replicate(node, seed, replicas, now_ns).map_err(|error| error.to_string())
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

    /// A person has given this node, or another one, a config: the leader of the config's group proposes it. Who asked learns what
    /// became of it by what all agree on, or by hearing nothing.
    pub(super) fn propose_config(&mut self, config: &[u8], may_forward: bool) {
        let Err(leader) = self.engine.propose_config(config) else { return };
        if let (Some(leader), true, Some(peers)) = (leader, may_forward, &mut self.peers) {
            let propose = ConfigPropose { request: 0, config: config.into() };
            peers.queue(leader, |out| {
                let _ = propose.encode(out);
            });
        }
    }

    /// All nodes have agreed on a config: the thread that changes it takes it, if it is the next one.
    pub(super) fn config_agreed(&mut self, config: &[u8]) {
        let Some(jobs) = &self.shared.jobs else { return };
        let mut tries = 0;
        while jobs.adopt(config.to_vec()).is_err() {
            tries += 1;
            if tries > 1_000 {
                die("the config that the cluster agreed on cannot be taken: too many changes wait");
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    /// Keeps the config in force at hand for replicas that lag too far behind.
    pub(super) fn show_config(&mut self) {
        if self.index != 0 || !self.engine.is_replicated() {
            return;
        }
        let current = self.shared.published.get();
        if self.shown_epoch != current.config.epoch {
            self.shown_epoch = current.config.epoch;
            self.engine.set_config(current.config.to_text().as_bytes());
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
