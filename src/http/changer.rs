//! Owns the one thread that changes the config: check, write, hand to the cores, answer, in this
//! order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};
use hyperion_cluster::change::{Refusal, Stale};
use hyperion_cluster::state::ClusterState;

use super::acking::Acking;
use super::answer::Answer;
use super::members;
use super::outcome::{answer_asker, answer_of, refused_answer};
use super::removals::Removal;
use super::side::Busy;
use super::telling::{asker, tell};
use super::view::NodeView;
use crate::config::{Accepted, Checked, Keeper, Refused, Settings};

/// How long the cluster may take to agree on a config, and how often that is looked at.
const AGREE_TIME: Duration = Duration::from_secs(5);
const AGREE_AGAIN: Duration = Duration::from_millis(600);
const AGREE_LOOK: Duration = Duration::from_millis(250);

/// Why a change is not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeError {
    /// It was not accepted; nothing has changed.
    Refused(Refused),
    /// It was accepted and written, but a core has not taken it; the sentence says which.
    NotApplied(String),
    /// The cluster has not agreed on it in time.
    NoMajority,
}

/// A change of settings in place.
pub(crate) type Change = Box<dyn FnOnce(&mut Settings) + Send>;
/// Takes the outcome of a change, on the thread that made it.
pub(crate) type Reply = Box<dyn FnOnce(Result<Accepted, ChangeError>) + Send>;

/// Something to do for the thread that changes the config.
pub(crate) enum Job {
    /// Take a whole config that came by HTTP, and answer.
    Propose { body: Vec<u8>, request: tiny_http::Request, came: Instant },
    /// Change settings in place, and call back.
    Amend { by: String, change: Change, reply: Reply },
    /// The cluster holds this; what was in the file may be kept beside it.
    Learn { state: Arc<ClusterState>, keeps_bak: bool },
    /// What the leader of the cluster's config says of the one with this number: an HTTP status, and the refusal as JSON.
    Judged { number: u64, status: u16, body: Vec<u8> },
    /// Let a node leave, as the body says, and answer.
    Remove { body: Vec<u8>, request: tiny_http::Request, came: Instant },
    /// Tell what a whole config would move, and answer.
    DryRun { body: Vec<u8>, request: tiny_http::Request },
}

/// Hands a config, with a number for the answer, to the cluster, which agrees on it or not; `false`: nobody can take it now.
pub(crate) type ToCluster = Box<dyn Fn(u64, Vec<u8>) -> bool + Send>;

/// Who waits for the cluster to agree.
pub(super) enum Asker {
    Http(tiny_http::Request),
    Reply(Reply),
}

/// A config that the cluster was given.
struct Proposed {
    number: u64,
    asker: Asker,
    config: Vec<u8>,
    hash: String,
    epoch: u64,
    came: Instant,
    /// When it was given to the cluster last.
    given: Instant,
}

/// The way to hand changes in, for any thread.
#[derive(Clone)]
pub(crate) struct Jobs(pub(super) Sender<Job>);

impl Jobs {
    /// What the cluster holds, as group 0 or another node tells.
    ///
    /// Errors: [`Busy`] when too much waits: nothing was taken.
    pub(crate) fn learn(&self, state: Arc<ClusterState>, keeps_bak: bool) -> Result<(), Busy> {
        self.0.try_send(Job::Learn { state, keeps_bak }).map_err(|_| Busy)
    }

    /// The leader of the cluster's config has judged one.
    ///
    /// Errors: [`Busy`] when too much waits: nothing was taken.
    pub(crate) fn judged(&self, number: u64, status: u16, body: Vec<u8>) -> Result<(), Busy> {
        self.0.try_send(Job::Judged { number, status, body }).map_err(|_| Busy)
    }

    /// Changes settings in place, as `CONFIG SET` does, for who the log is told; `reply` is called once, on another thread.
    ///
    /// Errors: [`Busy`] when too many changes wait; neither closure is called then.
    pub(crate) fn amend(
        &self,
        by: String,
        change: impl FnOnce(&mut Settings) + Send + 'static,
        reply: impl FnOnce(Result<Accepted, ChangeError>) + Send + 'static,
    ) -> Result<(), Busy> {
        let job = Job::Amend { by, change: Box::new(change), reply: Box::new(reply) };
        self.0.try_send(job).map_err(|_| Busy)
    }
}

/// The state of the thread that changes the config.
pub(crate) struct Changer {
    keeper: Arc<Mutex<Keeper>>,
    pub(super) view: Arc<NodeView>,
    answer_time: Duration,
    /// A config was written that some core has not taken: the next accepted one is handed out in
    /// any case.
    apply_owed: bool,
    /// Where a config goes that is not this node's alone.
    to_cluster: Option<ToCluster>,
    proposed: Vec<Proposed>,
    pub(super) removals: Vec<Removal>,
    pub(super) acking: Vec<Acking>,
    /// Configs that were given to the cluster; the first one has number 1.
    numbers: u64,
}

impl Changer {
    /// Begins with nothing owed; a proposal that waited longer than `answer_time` is not taken any
    /// more.
    pub(crate) fn new(
        keeper: Arc<Mutex<Keeper>>,
        view: Arc<NodeView>,
        answer_time: Duration,
        to_cluster: Option<ToCluster>,
    ) -> Self {
        Self {
            keeper,
            view,
            answer_time,
            apply_owed: false,
            to_cluster,
            proposed: Vec::new(),
            removals: Vec::new(),
            acking: Vec::new(),
            numbers: 0,
        }
    }

    /// Works until the last sender is gone.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            self.ask_again();
            self.give_up();
            self.remove_again();
            self.answer_all_acked();
            let job = match jobs.recv_timeout(self.look_time(AGREE_LOOK)) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            match job {
                Job::Learn { state, keeps_bak } => self.learn(&state, keeps_bak),
                Job::Judged { number, status, body } => self.judged(number, status, &body),
                Job::Remove { body, request, came } => {
                    self.remove(Removal { body, request, came });
                }
                Job::DryRun { body, request } => {
                    let answer = self.dry_run(&body);
                    let _ = request.respond(answer.into_response());
                }
                Job::Propose { body, request, came } if self.is_member() => {
                    let mut checked = self.keeper().check(&body);
                    if matches!(checked, Ok(Checked::Same(_))) {
                        checked = self.reload().map(Checked::Same);
                    }
                    let known = (self.view.cluster)();
                    let checked =
                        checked.and_then(|checked| members::drains(checked, known.as_ref()));
                    self.ask_cluster(checked, Asker::Http(request), came);
                }
                Job::Amend { change, reply, .. } if self.is_member() => {
                    let checked = self.keeper().check_amend(change);
                    self.ask_cluster(checked, Asker::Reply(reply), Instant::now());
                }
                Job::Propose { body, request, came } => {
                    let answer = if came.elapsed() < self.answer_time {
                        self.propose(&asker(&request), &body)
                    } else {
                        Answer::busy("the change waited too long and was not made", "send it again")
                    };
                    // The client may have gone; it finds the outcome with GET /config.
                    let _ = request.respond(answer.into_response());
                }
                Job::Amend { by, change, reply } => {
                    let outcome = self.guarded(&by, |keeper| keeper.amend(change));
                    if catch_unwind(AssertUnwindSafe(|| reply(outcome))).is_err() {
                        tracing::error!("the reply to a change of settings panicked");
                    }
                }
            }
        }
    }

    pub(super) fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the files of TLS again, and has the links to other nodes follow. The config itself is in force already.
    fn reload(&self) -> Result<Accepted, Refused> {
        let accepted = self.keeper().reload()?;
        if !accepted.changed_live.is_empty()
            && let Err(sentence) = (self.view.apply)(&accepted.resolved)
        {
            tracing::error!("{sentence}");
        }
        Ok(accepted)
    }

    /// Whether the node belongs to a cluster, which agrees on each config.
    fn is_member(&self) -> bool {
        self.to_cluster.is_some() && self.view.member.get().is_some()
    }

    /// Gives a config to the cluster, or answers at once.
    pub(super) fn ask_cluster(
        &mut self,
        checked: Result<Checked, Refused>,
        asker: Asker,
        came: Instant,
    ) {
        let outcome = match checked {
            Ok(Checked::Same(accepted)) => Ok(accepted),
            Err(refused) => Err(ChangeError::Refused(refused)),
            Ok(Checked::Child(config)) => {
                let bytes = config.to_text().into_bytes();
                self.numbers += 1;
                let number = self.numbers;
                if self.to_cluster.as_ref().is_some_and(|give| give(number, bytes.clone())) {
                    let (hash, epoch) = (hyperion_cluster::config::hash(&config), config.epoch);
                    let given = Instant::now();
                    let config = bytes;
                    self.proposed.push(Proposed {
                        number,
                        asker,
                        config,
                        hash,
                        epoch,
                        came,
                        given,
                    });
                    return;
                }
                Err(ChangeError::NoMajority)
            }
        };
        answer_asker(asker, outcome, &self.view);
    }

    /// Takes what the cluster has agreed on, and answers who waited for it.
    fn learn(&mut self, state: &ClusterState, keeps_bak: bool) {
        let mut learnt = None;
        let outcome = self.guarded("the cluster's agreement", |keeper| {
            learnt = keeper.learn(state, keeps_bak)?;
            Ok(learnt.clone().unwrap_or_else(|| keeper.unchanged()))
        });
        if let Err(error) = &outcome {
            tracing::error!(
                "the config that the cluster agreed on is not in force here: {error:?}"
            );
        }
        let Some(accepted) = learnt else { return };
        let epoch = accepted.config.epoch;
        let keeper = Arc::clone(&self.keeper);
        let keeper = keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting: Vec<Proposed> = self.proposed.extract_if(.., |it| it.epoch <= epoch).collect();
        for waiting in waiting {
            let own = if waiting.hash == accepted.hash {
                outcome.clone()
            } else if keeper.was_in_force(waiting.epoch, &waiting.hash) {
                // And others have followed since.
                outcome.clone().map(|mut own| {
                    (own.config.epoch, own.hash) = (waiting.epoch, waiting.hash.clone());
                    own
                })
            } else {
                // Somebody else's was first.
                let (hash, diff) = (accepted.hash.clone(), Vec::new());
                Err(ChangeError::Refused(Refused::Stale { epoch, hash, diff }))
            };
            match own {
                Ok(accepted) => self.answer_acked(waiting.asker, accepted),
                Err(error) => answer_asker(waiting.asker, Err(error), &self.view),
            }
        }
    }

    /// Gives configs to the cluster again that it has not answered: its leader may have been another one, or none.
    fn ask_again(&mut self) {
        let Some(give) = &self.to_cluster else { return };
        for waiting in &mut self.proposed {
            if waiting.given.elapsed() > AGREE_AGAIN {
                waiting.given = Instant::now();
                let _ = give(waiting.number, waiting.config.clone());
            }
        }
    }

    /// The leader of the cluster's config refuses one, or says that it is in force already.
    fn judged(&mut self, number: u64, status: u16, body: &[u8]) {
        let Some(at) = self.proposed.iter().position(|it| it.number == number) else { return };
        let outcome = if status == 200 {
            let unchanged = self.keeper().unchanged();
            if unchanged.hash != self.proposed[at].hash {
                // It comes into force here as well, in a moment.
                return;
            }
            Ok(unchanged)
        } else {
            match serde_json::from_slice(body) {
                Ok(Refusal::Stale(Stale { epoch, hash, diff })) => {
                    Err(ChangeError::Refused(Refused::Stale { epoch, hash, diff }))
                }
                Ok(Refusal::Invalid(problems)) => {
                    Err(ChangeError::Refused(Refused::Invalid(problems)))
                }
                Err(error) => {
                    tracing::error!("a judgement of the cluster's leader cannot be read: {error}");
                    return;
                }
            }
        };
        answer_asker(self.proposed.swap_remove(at).asker, outcome, &self.view);
    }

    /// Answers those who have waited too long for the cluster.
    fn give_up(&mut self) {
        for waiting in self.proposed.extract_if(.., |it| it.came.elapsed() > AGREE_TIME) {
            answer_asker(waiting.asker, Err(ChangeError::NoMajority), &self.view);
        }
    }

    /// What a whole config would move.
    fn dry_run(&self, body: &[u8]) -> Answer {
        let known = (self.view.cluster)();
        let checked = self.keeper().check(body);
        match checked.and_then(|checked| members::drains(checked, known.as_ref())) {
            Ok(Checked::Child(config)) => members::dry_run(&config, known),
            Ok(Checked::Same(_)) => members::dry_run_of_nothing(),
            Err(refused) => refused_answer(&refused),
        }
    }

    /// Takes a whole config; the answer for the client.
    fn propose(&mut self, by: &str, body: &[u8]) -> Answer {
        let checked = self.keeper().check(body);
        if let Ok(Checked::Child(config)) = checked
            && self.keeper().grows(&config)
        {
            let view = Arc::clone(&self.view);
            let outcome = (view.grow)(&mut self.keeper(), config);
            let _ = outcome.as_ref().map(|accepted| tell(accepted, by));
            return answer_of(&outcome, &view);
        }
        let outcome = self.guarded(by, |keeper| keeper.propose(body));
        answer_of(&outcome, &self.view)
    }

    /// Runs a change so that a panic in it is an error of this change and not the end of the
    /// thread.
    fn guarded(
        &mut self,
        by: &str,
        change: impl FnOnce(&mut Keeper) -> Result<Accepted, Refused>,
    ) -> Result<Accepted, ChangeError> {
        catch_unwind(AssertUnwindSafe(|| self.change(by, change))).unwrap_or_else(|_| {
            self.apply_owed = true;
            Err(ChangeError::NotApplied("the change panicked; the log says where".to_owned()))
        })
    }

    fn change(
        &mut self,
        by: &str,
        change: impl FnOnce(&mut Keeper) -> Result<Accepted, Refused>,
    ) -> Result<Accepted, ChangeError> {
        let accepted = {
            let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut keeper).map_err(ChangeError::Refused)?
        };
        // Before the level of the log changes.
        tell(&accepted, by);
        if self.apply_owed || !accepted.changed_live.is_empty() {
            self.apply_owed = true;
            (self.view.apply)(&accepted.resolved).map_err(ChangeError::NotApplied)?;
            self.apply_owed = false;
        }
        Ok(accepted)
    }
}
