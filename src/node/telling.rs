//! Owns what nodes tell each other about the config: whoever asks is answered on its own link, and each node asks until it knows the newest.

use hyperion_cluster::change::announced_by;
use hyperion_cluster::config::parse;
use hyperion_runtime::ConnectionId;
use hyperion_wire::peer::{Body, ConfigCurrent, ConfigFetch, ConfigPropose, RefusalCode};

use super::Io;
use super::commit::die;
use super::core::NodeCore;
use super::messages::Mail;
use super::proposing::ANNOUNCED;
use crate::cluster::Report;
use crate::peers::Peers;

impl NodeCore {
    /// Every tenth of a second until this node serves: asks all nodes what they have. Later group 0 tells.
    pub(super) fn ask_around(&mut self, io: &mut Io) {
        if self.index != 0 {
            return;
        }
        let Some(settling) = &mut self.settling else { return };
        settling.count_look();
        let Some(peers) = &mut self.peers else { return };
        let nodes: Vec<u32> = peers.nodes().collect();
        nodes.into_iter().for_each(|node| ask(peers, node));
        self.settle(io);
    }

    /// A peer asks for the config, on this link. A link that is busy is not answered: the peer asks again.
    pub(crate) fn answer_fetch(
        &mut self,
        io: &mut Io,
        connection: ConnectionId,
        fetch: ConfigFetch,
    ) {
        let Some(member) = self.shared.member() else { return };
        let state = member.agreed.get();
        let epoch = state.as_ref().map_or(0, |state| state.config().epoch);
        if fetch.epoch_min > epoch {
            return;
        }
        let current = self.shared.published.get();
        let hash = state.as_ref().map_or(current.hash.as_str(), |state| state.hash());
        let report = member.report(&current.config);
        let Ok(text) = serde_json::to_vec(&report) else { return };
        let answer = ConfigCurrent {
            request: fetch.request,
            epoch,
            hash: hash_bytes(hash),
            config: text.into(),
            history: Vec::new(),
        };
        let mut bytes = Vec::new();
        match answer.encode(&mut bytes) {
            Ok(()) => drop(io.send(connection, &mut bytes)),
            Err(error) => tracing::error!("the config does not fit a frame: {error}"),
        }
    }

    /// A node tells what it has.
    pub(super) fn told(&mut self, io: &mut Io, from: u32, bytes: Vec<u8>) {
        if self.index != 0 {
            return self.links[0].backlog.push_back(Mail::Told(from, bytes));
        }
        let Ok(report) = serde_json::from_slice::<Report>(&bytes) else { return };
        let Some(settling) = &mut self.settling else { return self.hear_newer(from, report) };
        // What it may have said against this node is over.
        settling.foreign.remove(&from);
        settling.removed.remove(&from);
        settling.tellers.insert(from, report.mark.uuid.clone());
        settling.reports.insert(report.mark.uuid.clone(), report);
        self.settle(io);
    }

    /// A node tells of a config that is newer than what group 0 told here: who holds that group now may be a node that this one does not
    /// know, and whose word it takes only when it does.
    fn hear_newer(&mut self, from: u32, report: Report) {
        let (Some(state), Some(member)) = (report.state, self.shared.member()) else { return };
        let names_this = state.config().nodes.iter().any(|node| node.uuid == member.uuid);
        let follows = self.newest().is_some_and(|known| {
            let (epoch, newer) = (known.config().epoch, state.config().epoch);
            let begins = state.history().entries().first().map_or(newer, |first| first.epoch);
            newer > epoch && (epoch < begins || state.history().knows(epoch, known.hash()))
        });
        if !names_this || !follows {
            return;
        }
        let epoch = state.config().epoch;
        tracing::info!("node {from} tells of the config of epoch {epoch}: its nodes are followed");
        if let Err(error) = member.agreed.set(*state) {
            die(&format!("keeping cluster.json failed: {error}"));
        }
    }

    /// A node is reached: it is asked at once.
    pub(super) fn ask_anew(&mut self, node: u32) {
        if let (Some(_), Some(peers)) = (&self.settling, &mut self.peers) {
            ask(peers, node);
        }
    }

    /// A node is not reached any more: what it said does not count.
    pub(super) fn forget_teller(&mut self, node: u32) {
        let Some(settling) = &mut self.settling else { return };
        if let Some(uuid) = settling.tellers.remove(&node) {
            settling.reports.remove(&uuid);
        }
    }

    /// A node will not speak to this one.
    pub(super) fn refused_by(&mut self, node: u32, code: u8) {
        match (RefusalCode::of(code), &mut self.settling) {
            (Some(RefusalCode::OtherCluster), Some(settling)) => {
                settling.foreign.insert(node);
            }
            (Some(RefusalCode::Removed), Some(settling)) => {
                settling.removed.insert(node);
            }
            (Some(RefusalCode::Removed), None) => self.told_removed(node),
            _ => {}
        }
    }

    /// A node that the config does not name announces itself.
    ///
    /// Errors: why that is none; its link ends.
    pub(crate) fn take_announced(
        &mut self,
        connection: ConnectionId,
        from: u32,
        config: &[u8],
    ) -> Result<(), String> {
        let uuid = self.peers.as_ref().and_then(|peers| peers.uuid_text(connection));
        let member = self.shared.member();
        let state = member.and_then(|member| member.agreed.get());
        let (Some(uuid), Some(state)) = (uuid, state) else { return Ok(()) };
        let proposed = parse(config).map_err(|error| error.into_problem().to_string())?;
        if proposed.parent != state.hash() {
            // It will hear of the newer one.
            return Ok(());
        }
        if !announced_by(state.config(), &proposed, &uuid) {
            return Err(
                "a node that joins may add its own entry alone; POST /config changes the rest"
                    .to_owned(),
            );
        }
        if self.index == 0 {
            self.propose(Some(from), ANNOUNCED, config);
        } else {
            self.links[0].backlog.push_back(Mail::Propose(from, ANNOUNCED, config.to_vec()));
        }
        Ok(())
    }

    /// Gives a config to all who are reached: the one that leads group 0 proposes it.
    pub(super) fn tell_all_to_propose(&mut self, config: &[u8]) {
        let Some(peers) = &mut self.peers else { return };
        let nodes: Vec<u32> = peers.nodes().collect();
        for node in nodes {
            let propose = ConfigPropose { request: ANNOUNCED, config: config.into() };
            peers.queue(node, |out| {
                let _ = propose.encode(out);
            });
        }
    }
}

/// Asks a node what it has, whatever that is.
fn ask(peers: &mut Peers, node: u32) {
    peers.queue(node, |out| {
        let _ = ConfigFetch { request: 0, epoch_min: 0 }.encode(out);
    });
}

/// The bytes of a hash that is written as 64 hexadecimal digits.
fn hash_bytes(text: &str) -> [u8; 32] {
    let byte = |at: usize| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok();
    std::array::from_fn(|at| byte(at).unwrap_or(0))
}
