//! Owns the coordinator's side: from a client's command to its answer. Nothing of it outlives the process, and nothing of it must.

use super::mail::{SpanId, SpanMail, SpanStep};
use crate::command::CommandSpec;
use crate::effect::{Answer, Effect, OwnedWrite, Ticket};
use crate::engine::Engine;
use crate::events::KeyEvent;
use crate::limits::{
    SPAN_ANSWER_NS, SPAN_BYTES_MAX, SPAN_CONTENTION_NS, SPAN_DECISION_NS, SPAN_KEYS_MAX,
    SPAN_PATIENCE_NS, SPAN_PAUSE_NS, WORK_ROUNDS_MAX,
};
use crate::lock::LockKey;
use crate::transaction::Verdict;
use crate::work::{Judged, Plan, Ready};
use hyperion_model::limits::TRANSACTIONS_MAX;
use hyperion_model::{DatabaseId, PartitionId, slot_of};

/// Why a client is to send its command again.
const NO_LEADER: &str = "CLUSTERDOWN a partition of this command's keys is served by nobody that this node reaches; try again";
const TRY_AGAIN: &str = "TRYAGAIN the keys of this command lie in several partitions, and one of them is locked by another command or changes its leader; send it again";

/// The command, kept for another try.
#[derive(Debug)]
struct Asked {
    ticket: Ticket,
    what: What,
    began_ns: u64,
    /// How often it has begun anew because it met other keys.
    rounds: usize,
}

/// What is asked.
#[derive(Debug)]
enum What {
    /// A command, which is taken apart for each try.
    Command { spec: &'static CommandSpec, database: DatabaseId, arguments: Vec<Vec<u8>> },
    /// A plan that can be tried again as it is, when it is not under way.
    Plan(Option<Plan>, Vec<LockKey>),
}

/// The keys of one partition: where they lie in `Coordinated::order`.
#[derive(Debug)]
struct Part {
    partition: PartitionId,
    first: usize,
    end: usize,
    /// The node whose leader was asked.
    node: Option<u32>,
}

/// How far it is.
#[derive(Debug)]
enum Stage {
    /// It was let go, and begins anew at that time.
    Pauses { until_ns: u64 },
    /// The keys of this part are being locked, or will be when its leader is known.
    Locks { part: usize },
    /// All is locked and known, and what is to be done is worked out soon.
    Ready,
    /// So many parts have not said that they prepared, or that their locks stand.
    Prepares { missing: usize },
    /// That node was told to decide.
    Decides { node: u32, partition: PartitionId },
}

/// The last step.
#[derive(Debug)]
struct Decision {
    part: usize,
    others: Vec<PartitionId>,
    writes: Vec<OwnedWrite>,
}

/// A command that this core coordinates.
#[derive(Debug)]
pub(super) struct Coordinated {
    asked: Asked,
    plan: Plan,
    keys: Vec<LockKey>,
    /// By key.
    found: Vec<Option<crate::Wanted>>,
    /// By key; 0: it is not watched.
    versions: Vec<u64>,
    /// Places in `keys`, ordered by partition.
    order: Vec<usize>,
    parts: Vec<Part>,
    stage: Stage,
    step_ns: u64,
    answer: Option<Answer>,
    decision: Option<Decision>,
    /// What is told of it once it is decided.
    events: Vec<KeyEvent>,
}

impl Engine {
    /// Begins a command whose keys lie in several replicated partitions; the answer comes as [`Effect::Finished`] or
    /// [`Effect::Unknown`].
    pub fn begin_spanning(
        &mut self,
        ticket: Ticket,
        spec: &'static CommandSpec,
        database: DatabaseId,
        arguments: Vec<Vec<u8>>,
    ) {
        let bytes: usize = arguments.iter().map(Vec::len).sum();
        self.begin_span(ticket, What::Command { spec, database, arguments }, bytes);
        self.settle();
    }

    /// Begins a plan over the keys of several replicated partitions, or of one. The keys are in order.
    pub(crate) fn begin_plan_over_groups(
        &mut self,
        ticket: Ticket,
        plan: Plan,
        keys: Vec<LockKey>,
    ) {
        let bytes = match &plan {
            Plan::Unit(unit) => unit.bytes(),
            _ => 0,
        };
        self.begin_span(ticket, What::Plan(Some(plan), keys), bytes);
    }

    fn begin_span(&mut self, ticket: Ticket, what: What, bytes: usize) {
        let refusal = if self.spanning.coordinated.len() >= TRANSACTIONS_MAX {
            Some(format!(
                "TRYAGAIN {TRANSACTIONS_MAX} commands over several partitions are under way; send it again"
            ))
        } else if bytes > SPAN_BYTES_MAX {
            Some(format!(
                "ERR this command has {bytes} bytes, and a transaction, a script or one whose keys lie in several partitions may have {SPAN_BYTES_MAX}; send it in parts"
            ))
        } else {
            None
        };
        if let Some(error) = refusal {
            return self.finish(ticket, Answer::Error(error));
        }
        let began_ns = self.now_ns();
        self.try_spanning(Asked { ticket, what, began_ns, rounds: 0 });
    }

    fn try_spanning(&mut self, mut asked: Asked) {
        let made = match &mut asked.what {
            What::Command { spec, database, arguments } => {
                Plan::of(spec, *database, arguments.clone())
            }
            What::Plan(plan, keys) => Ok((plan.take().expect("it is not under way"), keys.clone())),
        };
        let (plan, keys) = match made {
            Ok(taken_apart) => taken_apart,
            Err(error) => return self.finish(asked.ticket, Answer::Error(error.to_string())),
        };
        if asked.rounds > WORK_ROUNDS_MAX {
            let error = format!(
                "ERR this command has met keys that it did not name {WORK_ROUNDS_MAX} times; name them"
            );
            return self.finish(asked.ticket, Answer::Error(error));
        }
        if keys.len() > SPAN_KEYS_MAX {
            let error = format!(
                "ERR this command names {} keys, and one whose keys lie in several partitions may name {SPAN_KEYS_MAX}; send it in parts",
                keys.len()
            );
            return self.finish(asked.ticket, Answer::Error(error));
        }
        let partition_of = |key: &LockKey| self.map.partition_of(slot_of(&key.1));
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|&key| partition_of(&keys[key]));
        let mut parts: Vec<Part> = Vec::new();
        for (place, &key) in order.iter().enumerate() {
            let partition = partition_of(&keys[key]);
            match parts.last_mut() {
                Some(last) if last.partition == partition => last.end = place + 1,
                _ => parts.push(Part { partition, first: place, end: place + 1, node: None }),
            }
        }
        let id = self.fresh_span();
        let (found, versions) = (vec![None; keys.len()], vec![0; keys.len()]);
        let (stage, step_ns) = (Stage::Locks { part: 0 }, self.now_ns());
        let (answer, decision) = (None, None);
        let coordinated = Coordinated {
            asked,
            plan,
            keys,
            found,
            versions,
            order,
            parts,
            stage,
            step_ns,
            answer,
            decision,
            events: Vec::new(),
        };
        self.spanning.coordinated.insert(id, coordinated);
        self.lock_part(id);
    }

    fn fresh_span(&mut self) -> SpanId {
        if self.spanning.counted == 0 {
            // Starts may be counted anew where a disk was lost.
            self.spanning.counted = self.draw() >> 1;
        }
        self.spanning.counted += 1;
        let (node, core) = (self.own_node(), self.core.0);
        SpanId { node, core, start: self.start(), count: self.spanning.counted }
    }

    /// Asks for the locks of the next part, if its leader is known; decides when there is none.
    fn lock_part(&mut self, id: SpanId) {
        let now_ns = self.now_ns();
        let Some(it) = self.spanning.coordinated.get(&id) else { return };
        let Stage::Locks { part: number } = it.stage else { return };
        if number == it.parts.len() {
            return self.all_parts_locked(id);
        }
        let part = &it.parts[number];
        let partition = part.partition;
        let Some(node) = self.node_that_leads(partition) else { return };
        let it = self.spanning.coordinated.get_mut(&id).expect("looked at above");
        let part = &mut it.parts[number];
        (part.node, it.step_ns) = (Some(node), now_ns);
        let keys = it.order[part.first..part.end].iter().map(|&key| it.keys[key].clone());
        let step = SpanStep::Lock { keys: keys.collect(), want: it.plan.want() };
        self.send_span(node, SpanMail { id, partition, step });
    }

    /// A leader has answered.
    pub(super) fn coordinate(
        &mut self,
        from: u32,
        id: SpanId,
        partition: PartitionId,
        step: SpanStep,
    ) {
        let Some(it) = self.spanning.coordinated.get_mut(&id) else {
            // Given up meanwhile: what it holds there goes.
            if matches!(step, SpanStep::Locked { .. }) {
                self.send_span(from, SpanMail { id, partition, step: SpanStep::Abort });
            }
            return;
        };
        match (step, &mut it.stage) {
            (SpanStep::Locked { found, versions }, Stage::Locks { part: number }) => {
                let part = &it.parts[*number];
                if part.partition != partition || found.len() != part.end - part.first {
                    return;
                }
                for (place, found) in (part.first..part.end).zip(found) {
                    it.found[it.order[place]] = found;
                }
                for (place, version) in (part.first..part.end).zip(versions) {
                    it.versions[it.order[place]] = version;
                }
                *number += 1;
                self.lock_part(id);
            }
            (SpanStep::Done, Stage::Prepares { missing }) => {
                *missing -= 1;
                if *missing == 0 {
                    self.decide_span(id);
                }
            }
            (SpanStep::Done, Stage::Decides { partition: other, .. }) if *other == partition => {
                let it = self.spanning.coordinated.remove(&id).expect("looked at above");
                let answer = it.answer.expect("it was worked out before the decision");
                self.events.seal(0, it.events);
                self.finish(it.asked.ticket, answer);
            }
            // Only who decides can say that it will not.
            (SpanStep::Refused { error }, Stage::Decides { partition: other, .. })
                if *other == partition =>
            {
                self.give_up_span(id, error);
            }
            (SpanStep::Refused { error }, Stage::Locks { .. } | Stage::Prepares { .. }) => {
                self.give_up_span(id, error);
            }
            (SpanStep::Lost, Stage::Decides { .. }) => self.lose_span(id),
            _ => {}
        }
    }

    /// All keys are locked and known.
    fn all_parts_locked(&mut self, id: SpanId) {
        let Some(mut it) = self.spanning.coordinated.remove(&id) else { return };
        it.stage = Stage::Ready;
        let is_kept = self.keep_ready(&it.plan, Ready::Span(id));
        self.spanning.coordinated.insert(id, it);
        if !is_kept {
            self.judge(id, &mut || {});
        }
    }

    /// What is to be done is worked out.
    pub(crate) fn judge(&mut self, id: SpanId, attend: &mut dyn FnMut()) {
        let now_ns = self.now_ns();
        let Some(mut it) = self.spanning.coordinated.remove(&id) else { return };
        let Coordinated { plan, keys, found, versions, .. } = &mut it;
        let judged = self.judge_plan(plan, keys, found, versions, attend);
        let Verdict { writes, answer, events } = match judged {
            Judged::Verdict(verdict) => verdict,
            Judged::More(more) => return self.span_again_with(id, it, more),
        };
        it.events = events;
        self.spanning.coordinated.insert(id, it);
        let it = self.spanning.coordinated.get_mut(&id).expect("it was just put there");
        let mut by_part: Vec<Vec<OwnedWrite>> = it.parts.iter().map(|_| Vec::new()).collect();
        for write in writes {
            let partition = self.map.partition_of(slot_of(&write.key));
            let part = it.parts.iter().position(|part| part.partition == partition);
            by_part[part.expect("only locked keys are written")].push(write);
        }
        let writers: Vec<usize> =
            (0..by_part.len()).filter(|&part| !by_part[part].is_empty()).collect();
        it.answer = Some(answer);
        it.step_ns = now_ns;
        let lowest = writers.first().copied();
        it.decision = lowest.map(|part| Decision {
            part,
            others: writers[1..].iter().map(|&other| it.parts[other].partition).collect(),
            writes: std::mem::take(&mut by_part[part]),
        });
        let decision = lowest.map(|part| it.parts[part].partition);
        let mut steps = Vec::new();
        for (number, (part, writes)) in it.parts.iter().zip(by_part).enumerate() {
            let step = match decision {
                _ if Some(number) == lowest => continue,
                Some(decision) if !writes.is_empty() => SpanStep::Prepare { decision, writes },
                _ => SpanStep::Check,
            };
            let node = part.node.expect("all of them were asked for locks");
            steps.push((node, SpanMail { id, partition: part.partition, step }));
        }
        it.stage = Stage::Prepares { missing: steps.len() };
        if steps.is_empty() {
            self.decide_span(id);
        }
        steps.into_iter().for_each(|(node, mail)| self.send_span(node, mail));
    }

    /// It has met other keys: lets go what it has, and begins anew with them.
    fn span_again_with(&mut self, id: SpanId, it: Coordinated, more: Vec<LockKey>) {
        self.abort_parts(id, &it.parts);
        let Coordinated { mut asked, plan, mut keys, .. } = it;
        keys.extend(more);
        keys.sort_unstable();
        keys.dedup();
        asked.rounds += 1;
        asked.what = What::Plan(Some(plan), keys);
        self.try_spanning(asked);
    }

    fn abort_parts(&mut self, id: SpanId, parts: &[Part]) {
        for part in parts {
            let Some(node) = part.node else { continue };
            let partition = part.partition;
            self.send_span(node, SpanMail { id, partition, step: SpanStep::Abort });
        }
    }

    /// All others have prepared, or were only read: the lowest one decides. Where none writes it is done.
    fn decide_span(&mut self, id: SpanId) {
        let now_ns = self.now_ns();
        let Some(it) = self.spanning.coordinated.get_mut(&id) else { return };
        let Some(Decision { part, others, writes }) = it.decision.take() else {
            let it = self.spanning.coordinated.remove(&id).expect("looked at above");
            let answer = it.answer.expect("it was worked out with the verdict");
            self.events.seal(0, it.events);
            return self.finish(it.asked.ticket, answer);
        };
        let Part { partition, node, .. } = it.parts[part];
        let node = node.expect("all of them were asked for locks");
        (it.stage, it.step_ns) = (Stage::Decides { node, partition }, now_ns);
        self.send_span(node, SpanMail { id, partition, step: SpanStep::Decide { others, writes } });
    }

    /// It is not decided and never will be: all that was asked is told so. It begins anew after a pause, or is answered.
    fn give_up_span(&mut self, id: SpanId, error: Option<String>) {
        let Some(it) = self.spanning.coordinated.remove(&id) else { return };
        self.abort_parts(id, &it.parts);
        let now_ns = self.now_ns();
        let is_leaderless =
            matches!(it.stage, Stage::Locks { part } if it.parts[part].node.is_none());
        let patience_ns = if is_leaderless { SPAN_PATIENCE_NS } else { SPAN_CONTENTION_NS };
        let is_late = now_ns.saturating_sub(it.asked.began_ns) > patience_ns;
        let late = if is_leaderless { NO_LEADER } else { TRY_AGAIN };
        let error = error.or_else(|| is_late.then(|| late.to_owned()));
        if let Some(error) = error {
            return self.finish(it.asked.ticket, Answer::Error(error));
        }
        let until_ns = now_ns + SPAN_PAUSE_NS;
        let parts = Vec::new();
        let paused = Coordinated { stage: Stage::Pauses { until_ns }, parts, ..it };
        self.spanning.coordinated.insert(id, paused);
    }

    /// Whether it was decided is not known.
    fn lose_span(&mut self, id: SpanId) {
        if let Some(it) = self.spanning.coordinated.remove(&id) {
            self.effects.push(Effect::Unknown { ticket: it.asked.ticket });
        }
    }

    /// Begins anew what has paused, and gives up what waits too long.
    pub(super) fn tick_coordinated(&mut self) {
        let now_ns = self.now_ns();
        let ids: Vec<SpanId> = self.spanning.coordinated.keys().copied().collect();
        for id in ids {
            let Some(it) = self.spanning.coordinated.get(&id) else { continue };
            let waited_ns = now_ns.saturating_sub(it.step_ns);
            match it.stage {
                Stage::Pauses { until_ns } if now_ns >= until_ns => {
                    let it = self.spanning.coordinated.remove(&id).expect("looked at above");
                    let Coordinated { mut asked, plan, .. } = it;
                    if let What::Plan(place, _) = &mut asked.what {
                        *place = Some(plan);
                    }
                    self.try_spanning(asked);
                }
                Stage::Locks { part } if it.parts[part].node.is_none() => {
                    if now_ns.saturating_sub(it.asked.began_ns) > SPAN_PATIENCE_NS {
                        self.give_up_span(id, None);
                    } else {
                        self.lock_part(id);
                    }
                }
                Stage::Locks { .. } | Stage::Prepares { .. } if waited_ns > SPAN_ANSWER_NS => {
                    self.give_up_span(id, None);
                }
                Stage::Decides { .. } if waited_ns > SPAN_DECISION_NS => self.lose_span(id),
                _ => {}
            }
        }
    }

    /// The connection to a node is gone: what was asked there is not answered.
    pub(super) fn span_peer_lost(&mut self, node: u32) {
        let coordinated = self.spanning.coordinated.iter();
        let asked = |it: &Coordinated| it.parts.iter().any(|part| part.node == Some(node));
        let lost: Vec<(SpanId, bool)> = coordinated
            .filter_map(|(id, it)| match it.stage {
                Stage::Decides { node: other, .. } => (other == node).then_some((*id, true)),
                _ => asked(it).then_some((*id, false)),
            })
            .collect();
        for (id, is_unknown) in lost {
            if is_unknown {
                self.lose_span(id);
            } else {
                self.give_up_span(id, None);
            }
        }
    }
}
