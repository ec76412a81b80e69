//! Owns the coordinator's side of transactions, and of questions to all cores.

use super::scanning::Scanning;
use super::shape::Verdict;
use super::{Then, Until};
use crate::command::{CommandSpec, Gather, Part};
use crate::effect::{Answer, Mail, OwnedWrite, Ticket, TransactionMail, Want, Wanted};
use crate::engine::Engine;
use crate::events::{Change, KeyEvent};
use crate::limits::{COLLECT_KEYS_MAX, WORK_ROUNDS_MAX};
use crate::lock::LockKey;
use crate::work::{Judged, Plan, Ready};
use hyperion_model::collections::Map;
use hyperion_model::limits::TRANSACTIONS_MAX;
use hyperion_model::{CoreId, DatabaseId, PartitionId, TransactionId, slot_of};
use hyperion_store::Reach;

/// A core's share of the keys: where they begin in `Transaction::keys`, which is ordered by core.
#[derive(Debug)]
struct Participant {
    core: CoreId,
    first: usize,
    end: usize,
    writes: bool,
}

#[derive(Debug)]
struct Transaction {
    ticket: Ticket,
    plan: Plan,
    keys: Vec<LockKey>,
    /// By key.
    found: Vec<Option<Wanted>>,
    /// By key; 0: it is not watched.
    versions: Vec<u64>,
    /// Places in `keys`, ordered by core.
    by_core: Vec<usize>,
    participants: Vec<Participant>,
    /// Participants that have answered the step under way.
    answered: usize,
    answer: Option<Answer>,
    refused: Option<String>,
    /// What is told of it once it is decided.
    events: Vec<KeyEvent>,
    /// Not all keys are locked yet.
    is_locking: bool,
    /// How often it has begun anew.
    rounds: usize,
    /// Its records need not be on stable storage before it goes on: what its decision rests on, and where that ends.
    is_early: bool,
    prepared: Vec<Reach>,
    decision: Option<Reach>,
}

pub(super) struct Question {
    pub(super) ticket: Ticket,
    pub(super) gather: Gather,
    pub(super) parts: Vec<Part>,
    pub(super) asked: usize,
    /// How a scan goes on, if it is one.
    pub(super) scan: Option<Scanning>,
}

/// What this core coordinates.
#[derive(Default)]
pub(crate) struct Coordinator {
    transactions: Map<TransactionId, Transaction>,
    pub(super) questions: Map<TransactionId, Question>,
    /// Transactions whose decision found no room.
    undecided: Vec<TransactionId>,
}

impl Coordinator {
    pub(crate) fn is_idle(&self) -> bool {
        self.transactions.is_empty() && self.questions.is_empty()
    }
}

impl Engine {
    /// Begins a command whose keys lie on several cores; the answer comes as [`crate::Effect::Finished`].
    pub fn begin_spread(
        &mut self,
        ticket: Ticket,
        spec: &'static CommandSpec,
        database: DatabaseId,
        arguments: Vec<Vec<u8>>,
    ) {
        match Plan::of(spec, database, arguments) {
            Ok((plan, keys)) => self.begin_plan_over_cores(ticket, plan, keys),
            Err(error) => self.finish(ticket, Answer::Error(error.to_string())),
        }
        self.settle();
    }

    /// Begins a plan over the keys of several cores, or of one. The keys are in order.
    pub(crate) fn begin_plan_over_cores(&mut self, ticket: Ticket, plan: Plan, keys: Vec<LockKey>) {
        if self.coordinator.transactions.len() >= TRANSACTIONS_MAX {
            let error = format!(
                "ERR {TRANSACTIONS_MAX} commands over several cores are under way; try again"
            );
            return self.finish(ticket, Answer::Error(error));
        }
        if plan.may_grow()
            && let Some(error) = self.write_refusal()
        {
            return self.finish(ticket, Answer::Error(error));
        }
        self.lock_for_plan(ticket, plan, keys, 0);
    }

    fn lock_for_plan(&mut self, ticket: Ticket, plan: Plan, keys: Vec<LockKey>, rounds: usize) {
        if plan.want() == Want::Whole && keys.len() > COLLECT_KEYS_MAX || rounds > WORK_ROUNDS_MAX {
            let error = format!(
                "ERR this command is about more than {COLLECT_KEYS_MAX} keys of several cores, or has met new ones {WORK_ROUNDS_MAX} times; send it in parts"
            );
            return self.finish(ticket, Answer::Error(error));
        }
        let core_of = |key: &LockKey| self.map.owner(self.map.partition_of(slot_of(&key.1)));
        let mut by_core: Vec<usize> = (0..keys.len()).collect();
        by_core.sort_by_key(|&key| core_of(&keys[key]));
        let mut participants: Vec<Participant> = Vec::new();
        for (place, &key) in by_core.iter().enumerate() {
            let core = core_of(&keys[key]);
            match participants.last_mut() {
                Some(last) if last.core == core => last.end = place + 1,
                _ => participants.push(Participant {
                    core,
                    first: place,
                    end: place + 1,
                    writes: false,
                }),
            }
        }
        let id = self.fresh_transaction();
        let (found, versions) = (vec![None; keys.len()], vec![0; keys.len()]);
        let transaction = Transaction {
            ticket,
            plan,
            keys,
            found,
            versions,
            by_core,
            participants,
            answered: 0,
            answer: None,
            refused: None,
            events: Vec::new(),
            is_locking: true,
            rounds,
            is_early: self.is_early(),
            prepared: Vec::new(),
            decision: None,
        };
        self.coordinator.transactions.insert(id, transaction);
        self.lock_next(id);
    }

    /// Asks the next participant for its locks, or decides when all have answered.
    fn lock_next(&mut self, id: TransactionId) {
        let Some(transaction) = self.coordinator.transactions.get(&id) else { return };
        let Some(participant) = transaction.participants.get(transaction.answered) else {
            return self.all_locked(id);
        };
        let places = &transaction.by_core[participant.first..participant.end];
        let keys = places.iter().map(|&key| transaction.keys[key].clone()).collect();
        let want = transaction.plan.want();
        self.send(participant.core, Mail::Transaction(TransactionMail::Lock { id, keys, want }));
    }

    pub(super) fn locked(
        &mut self,
        id: TransactionId,
        found: Vec<Option<Wanted>>,
        versions: Vec<u64>,
    ) {
        let Some(transaction) = self.coordinator.transactions.get_mut(&id) else { return };
        let participant = &transaction.participants[transaction.answered];
        let places = &transaction.by_core[participant.first..participant.end];
        for (&place, found) in places.iter().zip(found) {
            transaction.found[place] = found;
        }
        for (&place, version) in places.iter().zip(versions) {
            transaction.versions[place] = version;
        }
        transaction.answered += 1;
        self.lock_next(id);
    }

    /// A participant has not locked its keys, or has not prepared.
    pub(super) fn refused(&mut self, id: TransactionId, error: String) {
        let is_locking = |it: &Transaction| it.is_locking;
        if !self.coordinator.transactions.get(&id).is_some_and(is_locking) {
            return self.prepared(id, None, Some(error));
        }
        let Some(transaction) = self.coordinator.transactions.remove(&id) else { return };
        self.release_all(id, &transaction.participants[..transaction.answered]);
        self.finish(transaction.ticket, Answer::Error(error));
    }

    fn release_all(&mut self, id: TransactionId, participants: &[Participant]) {
        for participant in participants {
            self.send(participant.core, Mail::Transaction(TransactionMail::Release { id }));
        }
    }

    fn all_locked(&mut self, id: TransactionId) {
        let Some(transaction) = self.coordinator.transactions.remove(&id) else { return };
        let is_kept = self.keep_ready(&transaction.plan, Ready::Transaction(id));
        self.coordinator.transactions.insert(id, transaction);
        if !is_kept {
            self.decide(id, &mut || {});
        }
    }

    /// What is to be done is worked out.
    pub(crate) fn decide(&mut self, id: TransactionId, attend: &mut dyn FnMut()) {
        let Some(mut transaction) = self.coordinator.transactions.remove(&id) else { return };
        transaction.is_locking = false;
        let Transaction { plan, keys, found, versions, .. } = &mut transaction;
        let judged = self.judge_plan(plan, keys, found, versions, attend);
        let Verdict { writes, answer, events } = match judged {
            Judged::Verdict(verdict) => verdict,
            Judged::More(more) => {
                self.release_all(id, &transaction.participants);
                let Transaction { ticket, plan, mut keys, rounds, .. } = transaction;
                keys.extend(more);
                keys.sort_unstable();
                keys.dedup();
                return self.lock_for_plan(ticket, plan, keys, rounds + 1);
            }
        };
        transaction.events = events;
        transaction.answered = 0;
        let mut steps: Vec<(CoreId, TransactionMail)> = Vec::new();
        for participant in &mut transaction.participants {
            let own: Vec<OwnedWrite> = writes
                .iter()
                .filter(|write| {
                    self.map.owner(self.map.partition_of(slot_of(&write.key))) == participant.core
                })
                .cloned()
                .collect();
            participant.writes = !own.is_empty();
            let step = if own.is_empty() {
                TransactionMail::Release { id }
            } else {
                TransactionMail::Prepare { id, writes: own, is_early: transaction.is_early }
            };
            steps.push((participant.core, step));
        }
        if writes.is_empty() {
            // What changed nothing in the end, such as a list cut to what it is, may tell something all the same.
            self.events.seal(self.released_position(), transaction.events);
            self.finish(transaction.ticket, answer);
        } else {
            transaction.participants.retain(|participant| participant.writes);
            transaction.answer = Some(answer);
            self.coordinator.transactions.insert(id, transaction);
        }
        for (core, step) in steps {
            self.send(core, Mail::Transaction(step));
        }
    }

    /// A participant has prepared, or has refused to.
    pub(super) fn prepared(
        &mut self,
        id: TransactionId,
        reach: Option<Reach>,
        refused: Option<String>,
    ) {
        let Some(transaction) = self.coordinator.transactions.get_mut(&id) else { return };
        transaction.answered += 1;
        // What this core has prepared stands before the decision in the same log.
        transaction.prepared.extend(reach.filter(|reach| reach.core != self.core));
        if transaction.refused.is_none() {
            transaction.refused = refused;
        }
        if transaction.answered < transaction.participants.len() {
            return;
        }
        if let Some(error) = transaction.refused.take() {
            let (ticket, cores) = (transaction.ticket, transaction.cores());
            self.coordinator.transactions.remove(&id);
            for core in cores {
                self.send(core, Mail::Transaction(TransactionMail::Release { id }));
            }
            return self.finish(ticket, Answer::Error(error));
        }
        self.write_decision(id);
    }

    fn write_decision(&mut self, id: TransactionId) {
        let Some(transaction) = self.coordinator.transactions.get_mut(&id) else { return };
        match self.store.decide_upon(id, &transaction.prepared) {
            Ok(()) => {
                let (position, is_early) = (self.store.appended_position(), transaction.is_early);
                transaction.decision = is_early.then(|| self.store.reach());
                if !transaction.prepared.is_empty() {
                    self.owe_epoch();
                }
                self.wait(Until::safe(position, is_early), Then::Decided(id));
            }
            Err(_) => {
                self.coordinator.undecided.push(id);
            }
        }
    }

    /// There is room again: decisions that found none are written.
    pub(crate) fn retry_decisions(&mut self) {
        for id in std::mem::take(&mut self.coordinator.undecided) {
            self.write_decision(id);
        }
    }

    /// The decision survives: the client may know, the participants commit.
    pub(super) fn decided(&mut self, id: TransactionId) {
        let Some(transaction) = self.coordinator.transactions.get_mut(&id) else { return };
        transaction.answered = 0;
        let (ticket, cores) = (transaction.ticket, transaction.cores());
        let answer = transaction.answer.take().expect("a transaction that writes has an answer");
        let events = std::mem::take(&mut transaction.events);
        let decision = transaction.decision;
        self.events.seal(self.released_position(), events);
        for core in cores {
            // Where the decision lies, its end in the log is before the word's.
            let upon = decision.filter(|decision| decision.core != core);
            self.send(core, Mail::Transaction(TransactionMail::Commit { id, upon }));
        }
        self.finish(ticket, answer);
    }

    pub(super) fn committed(&mut self, id: TransactionId) {
        let Some(transaction) = self.coordinator.transactions.get_mut(&id) else { return };
        transaction.answered += 1;
        if transaction.answered == transaction.participants.len() {
            self.coordinator.transactions.remove(&id);
            self.store.settled(id);
        }
    }

    // ---- questions to all cores

    /// Begins a command that every core answers; the answer comes as [`crate::Effect::Finished`].
    pub fn begin_gather(
        &mut self,
        ticket: Ticket,
        gather: Gather,
        database: DatabaseId,
        arguments: &[Vec<u8>],
    ) {
        self.begin_gather_of(ticket, (gather, database), arguments, &[]);
    }

    /// As [`Engine::begin_gather`], for a node that takes this one for the leader of these partitions: a flush is refused by cores that do not lead one of theirs.
    pub fn begin_gather_of(
        &mut self,
        ticket: Ticket,
        (gather, database): (Gather, DatabaseId),
        arguments: &[Vec<u8>],
        led: &[PartitionId],
    ) {
        let id = self.fresh_transaction();
        let asked = usize::from(self.map.cores());
        self.coordinator
            .questions
            .insert(id, Question { ticket, gather, parts: Vec::new(), asked, scan: None });
        for core in 0..self.map.cores() {
            let (arguments, led, waited_for) = (arguments.to_vec(), led.to_vec(), None);
            let mail = Mail::Ask { id, gather, database, arguments, led, waited_for };
            self.send(CoreId(core), mail);
        }
        self.settle();
    }

    pub(crate) fn part_came(&mut self, id: TransactionId, part: Part) {
        let Some(question) = self.coordinator.questions.get_mut(&id) else { return };
        question.parts.push(part);
        if question.scan.is_some() {
            return self.scan_on(id);
        }
        if question.parts.len() == question.asked
            && let Some(question) = self.coordinator.questions.remove(&id)
        {
            let kept = question.parts.iter().filter(|&part| *part == Part::Kept).count();
            if kept > 0 {
                self.changes.note_flush(0, Change::AllFlushed(id, kept));
            }
            self.finish(
                question.ticket,
                Answer::Gathered { gather: question.gather, parts: question.parts },
            );
        }
    }
}

impl Transaction {
    fn cores(&self) -> Vec<CoreId> {
        self.participants.iter().map(|participant| participant.core).collect()
    }
}
