//! Owns the one thread that changes the config: check, write, hand to the cores, answer, in this
//! order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};
use serde_json::json;

use super::answer::Answer;
use super::side::Busy;
use super::view::NodeView;
use crate::config::{Accepted, Keeper, Problem, Refused, Settings};

/// Why a change is not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChangeError {
    /// It was not accepted; nothing has changed.
    Refused(Refused),
    /// It was accepted and written, but a core has not taken it; the sentence says which.
    NotApplied(String),
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
    Amend { change: Change, reply: Reply },
}

/// The way to hand changes in, for any thread.
#[derive(Clone)]
pub(crate) struct Jobs(pub(super) Sender<Job>);

impl Jobs {
    /// Changes settings in place, as `CONFIG SET` does; `reply` is called once, on another thread.
    ///
    /// Errors: [`Busy`] when too many changes wait; neither closure is called then.
    pub(crate) fn amend(
        &self,
        change: impl FnOnce(&mut Settings) + Send + 'static,
        reply: impl FnOnce(Result<Accepted, ChangeError>) + Send + 'static,
    ) -> Result<(), Busy> {
        let job = Job::Amend { change: Box::new(change), reply: Box::new(reply) };
        self.0.try_send(job).map_err(|_| Busy)
    }
}

/// The state of the thread that changes the config.
pub(crate) struct Changer {
    keeper: Arc<Mutex<Keeper>>,
    view: Arc<NodeView>,
    answer_time: Duration,
    /// A config was written that some core has not taken: the next accepted one is handed out in
    /// any case.
    apply_owed: bool,
}

impl Changer {
    /// Begins with nothing owed; a proposal that waited longer than `answer_time` is not taken any
    /// more.
    pub(crate) fn new(
        keeper: Arc<Mutex<Keeper>>,
        view: Arc<NodeView>,
        answer_time: Duration,
    ) -> Self {
        Self { keeper, view, answer_time, apply_owed: false }
    }

    /// Works until the last sender is gone.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        for job in jobs {
            match job {
                Job::Propose { body, request, came } => {
                    let answer = if came.elapsed() < self.answer_time {
                        self.propose(&body)
                    } else {
                        Answer::busy("the change waited too long and was not made", "send it again")
                    };
                    // The client may have gone; it finds the outcome with GET /config.
                    let _ = request.respond(answer.into_response());
                }
                Job::Amend { change, reply } => {
                    let outcome = self.guarded(|keeper| keeper.amend(change));
                    if catch_unwind(AssertUnwindSafe(|| reply(outcome))).is_err() {
                        tracing::error!("the reply to a change of settings panicked");
                    }
                }
            }
        }
    }

    /// Takes a whole config; the answer for the client.
    fn propose(&mut self, body: &[u8]) -> Answer {
        match self.guarded(|keeper| keeper.propose(body)) {
            Ok(accepted) => accepted_answer(&accepted),
            Err(ChangeError::Refused(refused)) => refused_answer(&refused),
            Err(ChangeError::NotApplied(sentence)) => Answer::error(
                500,
                &format!("the config was written but is not in force everywhere: {sentence}"),
                "send the same config again, or start the node again",
            ),
        }
    }

    /// Runs a change so that a panic in it is an error of this change and not the end of the
    /// thread.
    fn guarded(
        &mut self,
        change: impl FnOnce(&mut Keeper) -> Result<Accepted, Refused>,
    ) -> Result<Accepted, ChangeError> {
        catch_unwind(AssertUnwindSafe(|| self.change(change))).unwrap_or_else(|_| {
            self.apply_owed = true;
            Err(ChangeError::NotApplied("the change panicked; the log says where".to_owned()))
        })
    }

    fn change(
        &mut self,
        change: impl FnOnce(&mut Keeper) -> Result<Accepted, Refused>,
    ) -> Result<Accepted, ChangeError> {
        let accepted = {
            let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
            change(&mut keeper).map_err(ChangeError::Refused)?
        };
        if self.apply_owed || !accepted.changed_live.is_empty() {
            self.apply_owed = true;
            (self.view.apply)(&accepted.resolved).map_err(ChangeError::NotApplied)?;
            self.apply_owed = false;
        }
        Ok(accepted)
    }
}

fn accepted_answer(accepted: &Accepted) -> Answer {
    let body = json!({
        "epoch": accepted.config.epoch,
        "hash": accepted.hash,
        "acked_by": [accepted.resolved.node().name],
        "changed": accepted.changed_live,
        "needs_restart": accepted.needs_restart,
    });
    Answer::json(200, &body)
}

fn refused_answer(refused: &Refused) -> Answer {
    match refused {
        Refused::Stale { epoch, hash, diff } => {
            let problem = Problem::at(
                "/epoch",
                format!("this is not the child of the current config, which has epoch {epoch}"),
                "get /config?next=1, make the change there and send it",
            );
            let body = json!({ "errors": [problem], "epoch": epoch, "hash": hash, "diff": diff });
            Answer::json(409, &body)
        }
        Refused::Invalid(problems) => Answer::errors(422, problems),
        Refused::TooBig => Answer::error(413, "the config is too long", "send at most 1 MiB"),
        Refused::NotWritable { full, sentence } => {
            let (problem, hint) = sentence.split_once("; ").unwrap_or((sentence, ""));
            Answer::error(if *full { 507 } else { 500 }, problem, hint)
        }
    }
}
