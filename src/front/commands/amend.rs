//! Owns changes of settings by a client: the thread that changes the config makes them, on all nodes, and the client hears of it.

use std::time::Duration;

use hyperion_engine::Ticket;

use super::super::client::{Client, Hold};
use super::super::execute::Progress;
use super::limits::{AMENDED_PAUSE_MS, AMENDED_TRIES};
use super::parameters::Parameter;
use super::run::Carried;
use crate::config::{Refused, Settings};
use crate::http::ChangeError;
use crate::node::{Io, NodeCore, Note};

/// What a change that is in force is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Amended {
    Ok,
    Count(i64),
    Text(String),
}

impl NodeCore {
    /// Changes settings; `tell` makes the answer of what came of it, on another thread.
    pub(super) fn amend(
        &mut self,
        client: &mut Client,
        change: impl FnOnce(&mut Settings) + Send + 'static,
        tell: impl FnOnce(Result<(), ChangeError>) -> Result<Amended, String> + Send + 'static,
    ) -> Carried {
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Ok(Progress::Held);
        }
        let Some(jobs) = self.shared.jobs.clone() else {
            return Err("ERR the config of this node cannot change while it runs".to_owned());
        };
        let ticket = self.fresh_ticket(client);
        let postbox = self.shared.postboxes.to(usize::from(self.index));
        let by = format!("client {} as user {:?}", client.number, client.session.user.name);
        let told = jobs.amend(by, change, move |outcome| {
            let mut note = Note::Amended(ticket, Box::new(tell(outcome.map(drop))));
            for _ in 0..AMENDED_TRIES {
                match postbox.post(note) {
                    Ok(()) => return,
                    Err(back) => note = back,
                }
                std::thread::sleep(Duration::from_millis(AMENDED_PAUSE_MS));
            }
            tracing::error!("a core did not take the outcome of a change of settings; its client waits until it is closed");
        });
        if told.is_err() {
            self.tickets.remove(&ticket);
            client.hold = Hold::None;
            return Err("ERR too many changes of the config wait; try again".to_owned());
        }
        Ok(Progress::Ran)
    }

    /// Tells the client that asked what became of the change.
    pub(crate) fn config_amended(
        &mut self,
        io: &mut Io,
        ticket: Ticket,
        result: Result<Amended, String>,
    ) {
        self.finish_with(io, ticket, |reply| match result {
            Ok(Amended::Ok) => reply.simple("OK"),
            Ok(Amended::Count(count)) => reply.integer(count),
            Ok(Amended::Text(text)) => reply.bulk(text.as_bytes()),
            Err(error) => reply.error(&error),
        });
    }
}

/// The error line of a parameter that `command` cannot set.
pub(super) fn failed(parameter: &Parameter, problem: &str) -> String {
    let name = parameter.name;
    format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {problem}")
}

/// The error line for a change that is not in force.
pub(super) fn failure(
    command: &str,
    error: &ChangeError,
    parameters: &[&'static Parameter],
) -> String {
    let refused = match error {
        ChangeError::Refused(refused) => refused,
        ChangeError::NoMajority => {
            return format!(
                "ERR {command}: no majority of the nodes has agreed in time; GET /config tells whether it is in force"
            );
        }
        ChangeError::NotApplied(sentence) => {
            return format!("ERR {command} was written but is not in force everywhere: {sentence}");
        }
    };
    match refused {
        Refused::Invalid(problems) => match problems.first() {
            Some(problem) => {
                let parameter =
                    parameters.iter().find(|parameter| parameter.pointer == problem.pointer);
                match parameter {
                    Some(parameter) => {
                        failed(parameter, &format!("{}; {}", problem.problem, problem.hint))
                    }
                    None => format!("ERR {command} failed - {problem}"),
                }
            }
            None => format!("ERR {command} failed - the config was not accepted"),
        },
        Refused::Stale { .. } => {
            format!("ERR {command} failed - the config was changed at the same time; try again")
        }
        Refused::TooBig => format!("ERR {command} failed - the config would be too long"),
        Refused::NotWritable { sentence, .. } => format!("ERR {command} failed - {sentence}"),
    }
}
