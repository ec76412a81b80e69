//! Owns what the snapshots of a node do about those of the other nodes: what is heard and told, and the end of all parts together.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use hyperion_cluster::NodeId;
use hyperion_cluster::state::ClusterState;
use hyperion_wire::peer::ClusterCut;

use super::{Manifest, Part, Step, await_end, gather, manifest_name, tell_others};
use crate::cluster::{Conflict, Status};
use crate::snapshot::core_part::SnapshotNote;
use crate::snapshot::error::{SnapshotError, failed};
use crate::snapshot::job::{Job, Role};
use crate::snapshot::limits::{ANSWER_S, PART_S_MAX};
use crate::snapshot::progress::Figures;
use crate::snapshot::worker::Snapshots;

impl Snapshots {
    /// A node says something about a snapshot over all nodes.
    pub(crate) fn hear(&self, from: u32, told: &ClusterCut<'_>) {
        let snapshot = told.snapshot;
        match Step::from_wire(told) {
            Some(Step::Begin(epoch)) => {
                if let Err(why) = self.begin_part(snapshot, from, epoch) {
                    self.refuse(snapshot, from, why);
                }
            }
            Some(step) => self.inbox.put(snapshot, from, step),
            None => {}
        }
    }

    /// The link to a node is gone.
    pub(crate) fn lost(&self, node: u32) {
        if let Some(snapshot) = self.needs(node) {
            self.not_reached(snapshot, node);
        }
    }

    /// A node could not be told something.
    pub(crate) fn not_reached(&self, snapshot: u64, node: u32) {
        self.inbox.put(
            snapshot,
            node,
            Step::Failed("it is not reached, or its program is too old".to_owned()),
        );
    }

    /// Tells a node a step.
    pub(in crate::snapshot) fn tell_node(&self, snapshot: u64, node: u32, step: Step) {
        if self.tell_first_core(SnapshotNote::Tell(snapshot, node, step)).is_err() {
            self.not_reached(snapshot, node);
        }
    }

    /// What the cluster has agreed on; `None` where the node is alone.
    ///
    /// Errors: the node does not serve; a sentence.
    pub(in crate::snapshot) fn agreed(&self) -> Result<Option<Arc<ClusterState>>, String> {
        let Some(member) = self.member.get() else { return Ok(None) };
        match member.standing.get() {
            Status::Serves => Ok(member.agreed.get()),
            Status::Waits(sentence) | Status::Conflict(Conflict { sentence, .. }) => Err(sentence),
        }
    }

    /// That another node has failed, with its name.
    pub(in crate::snapshot) fn failed_at(&self, node: u32, why: String) -> SnapshotError {
        let agreed = self.member.get().and_then(|member| member.agreed.get());
        let name = agreed.and_then(|state| Some(state.config().node(NodeId(node))?.name.clone()));
        SnapshotError::AtNode { node: name.unwrap_or_else(|| node.to_string()), why }
    }

    /// Asks the other nodes for their parts, if this one leads.
    pub(in crate::snapshot) fn begin_shared(&self, job: &Job) {
        if let Role::Leads(others) = &job.role {
            tell_others(self, job.began_ms, others, &Step::Begin(job.epoch));
        }
    }

    /// Sees this node's part and those of others to their end.
    ///
    /// Errors: one of them failed; this node's part is gone, and the others hear of it.
    pub(in crate::snapshot) fn end_shared(
        &self,
        job: &Job,
        made: Result<Figures, SnapshotError>,
    ) -> Result<Figures, SnapshotError> {
        let ended = made.and_then(|figures| {
            match &job.role {
                Role::Alone => {}
                Role::Leads(others) => self.end_lead(job, others, &figures)?,
                Role::Follows(leader) => {
                    let part = serde_json::to_string(&self.part(job, &figures)?);
                    let part = part.map_err(|error| failed(self.folder())(error.into()))?;
                    self.tell_node(job.began_ms, *leader, Step::Done(part));
                    await_end(self, job.began_ms, *leader)?;
                }
            }
            Ok(figures)
        });
        if let Err(error) = &ended {
            let why = Step::Failed(error.to_string());
            match &job.role {
                Role::Alone => return ended,
                Role::Leads(others) => tell_others(self, job.began_ms, others, &why),
                Role::Follows(leader) => self.tell_node(job.began_ms, *leader, why),
            }
            for name in [job.file.clone(), manifest_name(job.began_ms)] {
                // What was not made is not there; what cannot be removed is no snapshot without its manifest.
                let _ = fs::remove_file(self.folder().join(name));
            }
        }
        ended
    }

    fn end_lead(&self, job: &Job, others: &[u32], figures: &Figures) -> Result<(), SnapshotError> {
        let time = Duration::from_secs(PART_S_MAX);
        let part = |step| match step {
            Step::Done(text) => serde_json::from_str::<Part>(&text).ok(),
            _ => None,
        };
        let parts = gather(self, (job.began_ms, others), time, None, part)?;
        let mut parts: Vec<Part> = parts.into_values().collect();
        parts.push(self.part(job, figures)?);
        parts.sort_by(|one, other| one.node.cmp(&other.node));
        let state = self.state()?;
        let epoch = state.config().epoch;
        if parts.iter().any(|part| part.epoch != epoch) || epoch != job.epoch {
            return Err(SnapshotError::ConfigChanged);
        }
        let manifest = Manifest::new(job.began_ms, state.as_ref().clone(), parts);
        manifest.write(self.folder()).map_err(failed(self.folder()))?;
        tell_others(self, job.began_ms, others, &Step::Keep);
        let kept = |step| (step == Step::Kept).then_some(());
        gather(self, (job.began_ms, others), Duration::from_secs(ANSWER_S), None, kept).map(drop)
    }

    fn part(&self, job: &Job, figures: &Figures) -> Result<Part, SnapshotError> {
        let member = self.member.get().ok_or(SnapshotError::ConfigChanged)?;
        let mark = member.formation().mark().clone();
        let state = self.state()?;
        let own = state.config().nodes.iter().find(|node| node.uuid == mark.uuid);
        Ok(Part {
            node: own.ok_or(SnapshotError::ConfigChanged)?.name.clone(),
            file: job.file.clone(),
            bytes: figures.file_bytes,
            keys: figures.keys,
            epoch: state.config().epoch,
            mark,
        })
    }

    fn state(&self) -> Result<Arc<ClusterState>, SnapshotError> {
        self.agreed().ok().flatten().ok_or(SnapshotError::ConfigChanged)
    }
}
