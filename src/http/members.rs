//! Owns what is asked of the members of a cluster: which config lets a node leave, and what a config would move.

use hyperion_cluster::change::{Author, Refusal, Removal, check_change, is_for_now};
use hyperion_cluster::config::{Config, Leaving};
use serde::Deserialize;
use serde_json::json;

use super::answer::Answer;
use super::outcome::refused_answer;
use crate::cluster::{Known, evictions};
use crate::config::{Checked, Problem, Refused};

/// The longest time after which it is to be tried again, in seconds.
const RETRY_S_MAX: u64 = 60;

/// The body of `POST /nodes/remove`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    node: String,
    /// It is lost: its copies are made anew from the others.
    #[serde(default)]
    dead: bool,
    /// With its disk, and what it alone has is lost.
    #[serde(default)]
    lose_data: bool,
    /// It may be away: it gives everything away when it is back.
    #[serde(default)]
    wait: bool,
}

fn alone() -> Answer {
    Answer::error(
        409,
        "this node knows of no cluster",
        "a node that is alone is stopped, not removed; one that has just started hears of its cluster in a moment",
    )
}

/// Why a node does not begin to leave.
pub(super) struct Stays {
    /// What to answer.
    pub(super) answer: Answer,
    /// An earlier change has not come to its end: it may leave then.
    pub(super) is_for_now: bool,
}

impl From<Answer> for Stays {
    fn from(answer: Answer) -> Self {
        Self { answer, is_for_now: false }
    }
}

/// The config in which a node leaves.
///
/// Errors: the answer that says why it may not.
pub(super) fn removal(body: &[u8], known: Option<Known>) -> Result<Config, Stays> {
    let asked: Asked = serde_json::from_slice(body).map_err(|error| {
        let hint = "send {\"node\": \"NAME\"}, and \"dead\": true for a node that is lost";
        Answer::error(400, &format!("the body says of no node that it leaves: {error}"), hint)
    })?;
    let known = known.ok_or_else(alone)?;
    if asked.lose_data && !asked.dead {
        let hint = "send \"dead\": true as well, if the node is lost with its disk";
        return Err(Answer::error(400, "data is lost with a node that is dead alone", hint).into());
    }
    let leaving = |leaving| known.removal(Removal { node: &asked.node, leaving });
    let mut removed = leaving(if asked.dead { Leaving::Dead } else { Leaving::Drain });
    if asked.lose_data && removed.as_ref().is_err_and(|problems| !is_for_now(problems)) {
        if let Some(problem) = known.is_there(&asked.node) {
            return Err(Answer::errors(422, &[problem]).into());
        }
        removed = leaving(Leaving::Lost);
    }
    let is_for_now = removed.as_ref().is_err_and(|problems| is_for_now(problems));
    if !asked.dead
        && !asked.wait
        && (removed.is_ok() || is_for_now)
        && let Some(problem) = known.cannot_drain(&asked.node)
    {
        return Err(Answer::errors(422, &[problem]).into());
    }
    removed.map_err(|problems| {
        let answer = if is_for_now { later(&known) } else { Answer::errors(422, &problems) };
        Stays { answer, is_for_now }
    })
}

/// What is told where an earlier change has not come to its end.
fn later(known: &Known) -> Answer {
    let progress = known.progress();
    let (groups, bytes) = (&progress["groups_to_do"], &progress["bytes_left"]);
    let seconds = progress["seconds_left"].as_u64();
    let when = seconds.map_or_else(String::new, |seconds| {
        format!(", about {seconds} s at the rate that the config allows")
    });
    let problem = format!(
        "what the change before moves is not where it belongs yet: {groups} partitions, {bytes} bytes{when}"
    );
    let hint = known.way_out().unwrap_or_else(|| {
        "send it again when /status says \"moving\": false under \"cluster\"".to_owned()
    });
    let retry = seconds.unwrap_or(RETRY_S_MAX).clamp(1, RETRY_S_MAX);
    Answer::error(503, &problem, &hint).with("Retry-After", retry.to_string())
}

/// A config that was checked, unless a node is to give away by it what it cannot.
///
/// Errors: why it may not.
pub(super) fn drains(checked: Checked, known: Option<&Known>) -> Result<Checked, Refused> {
    let problems = match (&checked, known) {
        (Checked::Child(config), Some(known)) => known.cannot_begin_to_drain(config),
        _ => Vec::new(),
    };
    if problems.is_empty() { Ok(checked) } else { Err(Refused::Invalid(problems)) }
}

/// What a config that this node would take moves; the rules of the cluster are held against it as well.
pub(super) fn dry_run(config: &Config, known: Option<Known>) -> Answer {
    let Some(known) = known else { return dry_run_of_nothing() };
    let (usage, evictions) = (known.usage(), evictions());
    match check_change(known.state.standing(&usage, &evictions), config, Author::Person) {
        Ok(effects) => {
            let mut body = known.dry_run(config);
            body["warnings"] = json!(effects.warnings);
            if let Some(loss) = known.state.loss_of(config) {
                body["loses"] = json!(loss);
            }
            Answer::json(200, &body)
        }
        Err(Refusal::Invalid(problems)) => refused_answer(&Refused::Invalid(problems)),
        Err(Refusal::Stale(stale)) => refused_answer(&Refused::Stale {
            epoch: stale.epoch,
            hash: stale.hash,
            diff: stale.diff,
        }),
    }
}

/// The answer for a config that moves nothing.
pub(super) fn dry_run_of_nothing() -> Answer {
    Answer::json(200, &json!(hyperion_cluster::placement::DryRun::default()))
}

/// The refusal of a query that is not known.
pub(super) fn unknown_query(path: &str, query: &str) -> Answer {
    let problem = format!("{path} does not know the query {query:?}");
    let hint = "leave it out; GET /config?next=1 and POST /config?dry_run=1 are all there are";
    Answer::json(400, &json!({ "errors": [Problem::at("", problem, hint)] }))
}
