//! Owns the paths: who may ask, which methods each knows, and what it answers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::answer::Answer;
use super::members::unknown_query;
use super::view::NodeView;
use crate::cluster::{Conflict, Status, Take};
use crate::config::{Current, Problem, Published};

/// The paths, each with its methods.
const PATHS: [(&str, &str); 9] = [
    ("/config", "GET, HEAD, POST"),
    ("/config/conflict", "GET, HEAD, POST"),
    ("/config/history", "GET, HEAD"),
    ("/health", "GET, HEAD"),
    ("/live", "GET, HEAD"),
    ("/metrics", "GET, HEAD"),
    ("/nodes/remove", "POST"),
    ("/snapshot", "POST"),
    ("/status", "GET, HEAD"),
];

/// A request as the routes see it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// Path and query.
    pub(crate) target: &'a str,
    /// The value of `Authorization`.
    pub(crate) authorization: Option<&'a [u8]>,
}

/// What is to happen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answer this.
    Answer(Answer),
    /// Take the body as the next config.
    Propose,
    /// Tell what the body as the next config would move.
    DryRun,
    /// Let the node leave that the body names.
    Remove,
    /// Begin a snapshot; the body is to be empty.
    Snapshot,
    /// Take the body as the decision of a conflict.
    Decide,
}

/// Finds out what a request asks for and, unless it is a change, answers it.
pub(crate) fn route(call: Call<'_>, published: &Published, view: &NodeView) -> Outcome {
    let (path, query) = match call.target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (call.target, None),
    };
    let current = published.get();
    if !matches!(path, "/health" | "/live") && !is_authorized(&current, call.authorization) {
        return Outcome::Answer(unauthorized());
    }
    let Some((_, methods)) = PATHS.iter().find(|(known, _)| *known == path) else {
        return Outcome::Answer(unknown_path(path));
    };
    if !methods.split(", ").any(|method| method == call.method) {
        let problem = format!("{path} does not know {}", call.method);
        let hint = format!("use one of {methods}");
        return Outcome::Answer(Answer::error(405, &problem, &hint).with("Allow", *methods));
    }
    let next = match (path, call.method, query) {
        (_, _, None | Some("")) => false,
        ("/config", "GET" | "HEAD", Some("next=1")) => true,
        ("/config", "POST", Some("dry_run=1")) => return Outcome::DryRun,
        (_, _, Some(query)) => return Outcome::Answer(unknown_query(path, query)),
    };
    Outcome::Answer(match path {
        "/config" | "/nodes/remove" if call.method == "POST" => match unsettled(view) {
            Some(sentence) => Answer::busy(
                &sentence,
                "send it to a node that serves, or again when this one does",
            ),
            None if path == "/config" => return Outcome::Propose,
            None => return Outcome::Remove,
        },
        "/config" => config(&current, next),
        "/snapshot" => return Outcome::Snapshot,
        "/config/conflict" if call.method == "POST" => return Outcome::Decide,
        "/config/conflict" => conflict(view),
        "/config/history" => history(&current, view),
        "/health" => health(ready(view)),
        "/live" => health((view.healthy)()),
        "/metrics" => {
            Answer::text(200, "text/plain; version=0.0.4; charset=utf-8", (view.metrics)())
        }
        _ => Answer::json(200, &(view.status)()),
    })
}

fn is_authorized(current: &Arc<Current>, authorization: Option<&[u8]>) -> bool {
    let Some(password) = &current.resolved.password else { return true };
    let token = authorization.and_then(|value| {
        let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
        scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token.trim_ascii())
    });
    token.is_some_and(|token| password.accepts(token))
}

fn unauthorized() -> Answer {
    Answer::error(
        401,
        "the password is missing or wrong",
        "send the header \"Authorization: Bearer <password>\"",
    )
    .with("WWW-Authenticate", "Bearer")
}

fn unknown_path(path: &str) -> Answer {
    let paths: Vec<&str> = PATHS.iter().map(|(path, _)| *path).collect();
    let problem = format!("there is nothing at {path:?}");
    let hint = format!("the paths are {}", paths.join(", "));
    Answer::json(404, &json!({ "errors": [Problem::at("", problem, hint)], "paths": paths }))
}

fn config(current: &Current, next: bool) -> Answer {
    let text = if next { current.next().to_text() } else { current.config.to_text() };
    Answer::json_text(200, text)
}

/// The epochs that are known, the current one last; a node that is alone knows that one.
fn history(current: &Current, view: &NodeView) -> Answer {
    let agreed = view.member.get().and_then(|member| member.agreed.get());
    let mut epochs = match &agreed {
        Some(state) => json!(state.history().entries()),
        None => json!([{
            "epoch": current.config.epoch,
            "hash": current.hash,
            "parent": current.config.parent,
        }]),
    };
    let taken_ms = (view.taken_ms)(current.config.epoch);
    for entry in epochs.as_array_mut().into_iter().flatten() {
        if let Some(ms) = entry["epoch"].as_u64().and_then(|epoch| taken_ms.get(&epoch)) {
            entry["taken_ms"] = json!(ms);
        }
    }
    Answer::json(200, &json!({ "epochs": epochs }))
}

/// Why the node does not serve yet, where there are several.
fn unsettled(view: &NodeView) -> Option<String> {
    match view.member.get()?.standing.get() {
        Status::Serves => None,
        Status::Waits(sentence) => Some(sentence),
        Status::Conflict(Conflict { sentence, .. }) => Some(format!("conflict: {sentence}")),
    }
}

fn conflict(view: &NodeView) -> Answer {
    match view.member.get().map(|member| member.standing.get()) {
        Some(Status::Conflict(Conflict { sentence, differences, may_resolve })) => {
            let fields: Vec<Value> = differences
                .iter()
                .map(|it| json!({ "pointer": it.pointer, "cluster": it.current, "file": it.proposed }))
                .collect();
            let body =
                json!({ "conflict": sentence, "differences": fields, "may_resolve": may_resolve });
            Answer::json(200, &body)
        }
        Some(Status::Waits(sentence)) => Answer::error(404, "no conflict is known of", &sentence),
        Some(Status::Serves) => {
            Answer::error(404, "no conflict", "the node serves with the cluster's config")
        }
        None => Answer::error(
            404,
            "no conflict",
            "the config of a single node has none to conflict with",
        ),
    }
}

/// Takes the decision of a person; `body` is `{"take": "cluster"}` or `{"take": "mine"}`.
pub(crate) fn decide(body: &[u8], view: &NodeView) -> Answer {
    let taken = serde_json::from_slice::<Value>(body).ok();
    let taken = taken.as_ref().and_then(|value| value.get("take")).and_then(Value::as_str);
    let take = match taken {
        Some("cluster") => Take::Cluster,
        Some("mine") => Take::Mine,
        _ => {
            let hint = "send {\"take\": \"cluster\"} or {\"take\": \"mine\"}";
            return Answer::error(400, "this is no decision", hint);
        }
    };
    let Some(member) = view.member.get() else {
        return Answer::error(
            409,
            "no conflict",
            "the config of a single node has none to conflict with",
        );
    };
    match member.standing.decide(take) {
        Ok(()) => Answer::json(202, &json!({ "take": taken, "progress": "/health" })),
        Err(reason) => Answer::error(409, &reason, "GET /health tells how the node stands"),
    }
}

/// Begins a snapshot; `body` is what came with the request.
pub(crate) fn snapshot(body: &[u8], view: &NodeView) -> Answer {
    if !matches!(body.trim_ascii(), b"" | b"{}") {
        return Answer::error(
            400,
            "POST /snapshot takes no body",
            "leave it out; the node names the file and keeps it in its data folder",
        );
    }
    match (view.snapshot)() {
        Ok(name) => Answer::json(202, &json!({ "snapshot": name, "progress": "/status" })),
        Err(reason) => Answer::error(409, &reason, "GET /status tells when it is done"),
    }
}

/// Whether this node serves: it is settled, its cores work, and there is somebody who leads.
///
/// Errors: what it lacks.
fn ready(view: &NodeView) -> Result<(), String> {
    unsettled(view).map_or(Ok(()), Err)?;
    (view.healthy)()?;
    let Some(known) = (view.cluster)() else { return Ok(()) };
    if known.seen.is_removed {
        return Err("this node was removed from the cluster and ends soon".to_owned());
    }
    known.without_majority().map_or(Ok(()), Err)
}

fn health(found: Result<(), String>) -> Answer {
    match found {
        Ok(()) => Answer::json(200, &json!({ "status": "ok" })),
        Err(reason) => {
            let problem =
                Problem::at("", reason.as_str(), "wait, or look into the log of the node");
            Answer::json(503, &json!({ "status": reason, "errors": [problem] }))
                .with("Retry-After", "1")
        }
    }
}
