//! Owns what all nodes agree on beside their data: the one config.

use hyperion_wire::peer::{Body, ConfigPropose};

use super::commit::die;
use super::core::NodeCore;

impl NodeCore {
    /// A person has given this node, or another one, a config: the leader of the config's group proposes it. Who asked learns what
    /// became of it by what all agree on, or by hearing nothing.
    pub(super) fn propose_config(&mut self, config: &[u8], may_forward: bool) {
        let Err(leader) = self.engine.propose_config(config) else { return };
        if !may_forward {
            return;
        }
        // A node that does not vote on configs does not know who leads there.
        let Some(leader) = leader else { return self.tell_all_to_propose(config) };
        if let Some(peers) = &mut self.peers {
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
}
