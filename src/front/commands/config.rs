//! Owns CONFIG: GET over the table of parameters, SET by way of the thread that changes the config.

use std::time::Duration;

use hyperion_engine::Ticket;
use hyperion_engine::command::matches;

use super::super::client::{Client, Hold};
use super::super::execute::Progress;
use super::asks::{Asker, FrontAsk};
use super::limits::{AMENDED_PAUSE_MS, AMENDED_TRIES};
use super::parameters::{PARAMETERS, Parameter, Setting, find};
use super::run::{Carried, exactly, keyword, shown, syntax, unknown_subcommand, wrong_arity};
use crate::config::{Accepted, Refused};
use crate::http::ChangeError;
use crate::node::{Io, NodeCore, Note};

const HELP: [&str; 11] = [
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern> [<pattern> ...]",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value> [<directive> <value> ...]",
    "    Set the configuration <directive> to <value>; the config file is written at once.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Does nothing: the config file is always current.",
    "HELP",
    "    Prints this help.",
];

impl NodeCore {
    pub(super) fn config_command(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        arguments: &[&[u8]],
    ) -> Carried {
        let (subcommand, words) = (arguments[1], &arguments[2..]);
        match keyword(subcommand).as_str() {
            "get" if words.is_empty() => Err(wrong_arity("config|get")),
            "get" => Ok(self.config_get(client, words)),
            "set" => self.config_set(client, words),
            "resetstat" => {
                exactly(words, 0, "config|resetstat")?;
                Ok(self.ask_all(io, client, &FrontAsk::ResetStatistics, Asker::default()))
            }
            "rewrite" => {
                exactly(words, 0, "config|rewrite")?;
                Ok(self.agree(client))
            }
            "help" => {
                exactly(words, 0, "config|help")?;
                Ok(self.help(client, &HELP))
            }
            _ => Err(unknown_subcommand(subcommand, "CONFIG")),
        }
    }

    fn config_get(&mut self, client: &mut Client, patterns: &[&[u8]]) -> Progress {
        let found: Vec<(&str, String)> = chosen(patterns)
            .map(|parameter| (parameter.name, (parameter.show)(&self.config, &self.shared.data)))
            .collect();
        self.answer(client, |reply| {
            reply.map(found.len());
            for (name, value) in &found {
                reply.bulk(name.as_bytes());
                reply.bulk(value.as_bytes());
            }
        });
        Progress::Ran
    }

    fn config_set(&mut self, client: &mut Client, words: &[&[u8]]) -> Carried {
        let (parameters, settings): (Vec<_>, Vec<_>) = parse_set(words)?.into_iter().unzip();
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Ok(Progress::Held);
        }
        let Some(jobs) = self.shared.jobs.clone() else {
            return Err(
                "ERR CONFIG SET failed - the config of this node cannot change while it runs"
                    .to_owned(),
            );
        };
        let ticket = self.fresh_ticket(client);
        let postbox = self.shared.postboxes.to(usize::from(self.index));
        let change = move |current: &mut _| {
            settings.into_iter().for_each(|setting: Setting| setting(current));
        };
        let told = jobs.amend(change, move |outcome| {
            let outcome = outcome.map_err(|error| failure(&error, &parameters));
            let mut note = Note::Amended(ticket, Box::new(outcome));
            for _ in 0..AMENDED_TRIES {
                match postbox.post(note) {
                    Ok(()) => return,
                    Err(back) => note = back,
                }
                std::thread::sleep(Duration::from_millis(AMENDED_PAUSE_MS));
            }
            tracing::error!("a core did not take the outcome of a CONFIG SET; its client waits until it is closed");
        });
        if told.is_err() {
            self.tickets.remove(&ticket);
            client.hold = Hold::None;
            return Err("ERR CONFIG SET failed - too many changes wait; try again".to_owned());
        }
        Ok(Progress::Ran)
    }

    /// Tells the client that asked what became of CONFIG SET.
    pub(crate) fn config_amended(
        &mut self,
        io: &mut Io,
        ticket: Ticket,
        result: Result<Accepted, String>,
    ) {
        if result.is_err() {
            self.counters.errors += 1;
        }
        self.finish_with(io, ticket, |reply| match result {
            Ok(_) => reply.simple("OK"),
            Err(error) => reply.error(&error),
        });
    }
}

/// The parameters that fit one of the patterns, each once, in the order of the table.
pub(super) fn chosen(patterns: &[&[u8]]) -> impl Iterator<Item = &'static Parameter> {
    let patterns: Vec<Vec<u8>> =
        patterns.iter().map(|pattern| pattern.to_ascii_lowercase()).collect();
    PARAMETERS.iter().filter(move |parameter| {
        patterns.iter().any(|pattern| matches(pattern, parameter.name.as_bytes()))
    })
}

/// Reads the pairs of a CONFIG SET; all of them are right, or nothing changes.
///
/// Errors: the error line.
pub(super) fn parse_set(words: &[&[u8]]) -> Result<Vec<(&'static Parameter, Setting)>, String> {
    if words.len() < 2 {
        return Err(wrong_arity("config|set"));
    }
    let (pairs, []) = words.as_chunks::<2>() else { return Err(syntax()) };
    let mut settings: Vec<(&'static Parameter, Setting)> = Vec::new();
    for &[name, value] in pairs {
        let Some(parameter) = find(name) else {
            return Err(format!(
                "ERR Unknown option or number of arguments for CONFIG SET - '{}'",
                shown(name)
            ));
        };
        if settings.iter().any(|(other, _)| other.name == parameter.name) {
            return Err(failed(parameter, "duplicate parameter"));
        }
        let Some(read) = parameter.read else {
            return Err(failed(parameter, "can't set immutable config"));
        };
        let setting = read(value).map_err(|problem| failed(parameter, &problem))?;
        settings.push((parameter, setting));
    }
    Ok(settings)
}

fn failed(parameter: &Parameter, problem: &str) -> String {
    let name = parameter.name;
    format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {problem}")
}

/// The error line for a change that is not in force.
pub(super) fn failure(error: &ChangeError, parameters: &[&'static Parameter]) -> String {
    let refused = match error {
        ChangeError::Refused(refused) => refused,
        ChangeError::NoMajority => {
            return "ERR CONFIG SET: no majority of the nodes has agreed in time; CONFIG GET tells whether it is in force"
                .to_owned();
        }
        ChangeError::NotApplied(sentence) => {
            return format!(
                "ERR CONFIG SET was written but is not in force everywhere: {sentence}"
            );
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
                    None => format!("ERR CONFIG SET failed - {problem}"),
                }
            }
            None => "ERR CONFIG SET failed - the config was not accepted".to_owned(),
        },
        Refused::Stale { .. } => {
            "ERR CONFIG SET failed - the config was changed at the same time; try again".to_owned()
        }
        Refused::TooBig => "ERR CONFIG SET failed - the config would be too long".to_owned(),
        Refused::NotWritable { sentence, .. } => format!("ERR CONFIG SET failed - {sentence}"),
    }
}
