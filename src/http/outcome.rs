//! Owns what is told of a change that was asked for: to who posted it, or to the command that stands for it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::json;

use super::answer::Answer;
use super::changer::{Asker, ChangeError};
use super::view::NodeView;
use crate::cluster::Known;
use crate::config::{Accepted, Problem, Refused};

/// Tells who asked what became of it.
pub(super) fn answer_asker(asker: Asker, outcome: Result<Accepted, ChangeError>, view: &NodeView) {
    match asker {
        // The client may have gone; it finds the outcome with GET /config.
        Asker::Http(request) => drop(request.respond(answer_of(&outcome, view).into_response())),
        Asker::Reply(reply) => {
            if catch_unwind(AssertUnwindSafe(|| reply(outcome))).is_err() {
                tracing::error!("the reply to a change of settings panicked");
            }
        }
    }
}

pub(super) fn answer_of(outcome: &Result<Accepted, ChangeError>, view: &NodeView) -> Answer {
    match outcome {
        Ok(accepted) => accepted_answer(accepted, (view.cluster)().as_ref()),
        Err(ChangeError::Refused(refused)) => refused_answer(refused),
        Err(ChangeError::NotApplied(sentence)) => Answer::error(
            500,
            &format!("the config was written but is not in force everywhere: {sentence}"),
            "send the same config again, or start the node again",
        ),
        Err(ChangeError::NoMajority) => Answer::error(
            503,
            "no majority of the nodes has agreed on the config in time: whether it will be in force is not known",
            "GET /config tells; send it again when a majority is up",
        ),
    }
}

fn accepted_answer(accepted: &Accepted, known: Option<&Known>) -> Answer {
    // What the nodes hold and tell is known of a cluster that serves alone.
    let mut warnings = accepted.resolved.warnings.clone();
    let found = known.map(|known| known.warnings(&accepted.config)).unwrap_or_default();
    warnings.extend(found.into_iter().filter(|it| !accepted.resolved.warnings.contains(it)));
    let epoch = accepted.config.epoch;
    let own = accepted.resolved.node().name.as_str();
    let acked = known.into_iter().flat_map(|known| known.acked_by(epoch));
    let mut acked_by: Vec<&str> = acked.map(|node| node.name.as_str()).collect();
    if !acked_by.contains(&own) {
        acked_by.push(own);
    }
    let mut body = json!({
        "epoch": accepted.config.epoch,
        "hash": accepted.hash,
        "acked_by": acked_by,
        "changed": accepted.changed_live,
        "needs_restart": accepted.needs_restart,
        "warnings": warnings,
    });
    let entry = known.and_then(|known| known.state.history().entry(accepted.config.epoch));
    if let Some(note) = entry.and_then(|entry| entry.note.as_ref()) {
        body["note"] = json!(note);
    }
    Answer::json(200, &body)
}

pub(super) fn refused_answer(refused: &Refused) -> Answer {
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
