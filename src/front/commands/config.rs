//! Owns CONFIG: GET over the table of parameters, SET by way of the thread that changes the config.

use hyperion_engine::command::matches;

use super::super::client::Client;
use super::super::execute::Progress;
use super::amend::{Amended, failed, failure};
use super::asks::{Asker, FrontAsk};
use super::parameter_values::memory;
use super::parameters::{HIDDEN, MAXMEMORY, Parameter, Setting, all, find, tight_memory};
use super::run::{Carried, exactly, keyword, shown, syntax, unknown_subcommand, wrong_arity};
use crate::config::Settings;
use crate::node::{Io, NodeCore};

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
            .map(|parameter| (parameter.name, parameter.show(&self.config, &self.shared.data)))
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
        // What is fixed may be set to what it is: whoever copies all parameters does.
        let stays = |pair: &&[&[u8]]| match pair {
            [name, value] => {
                find(name).is_some_and(|it| it.stays(value, &self.config, &self.shared.data))
            }
            _ => false,
        };
        let kept: Vec<&[u8]> = words.chunks(2).filter(|it| !stays(it)).flatten().copied().collect();
        if kept.is_empty() && !words.is_empty() {
            return Ok(self.agree(client));
        }
        let (parameters, mut settings): (Vec<_>, Vec<_>) = parse_set(&kept)?.into_iter().unzip();
        for (pair, setting) in kept.chunks(2).zip(&mut settings) {
            let is_memory = pair[0].eq_ignore_ascii_case(MAXMEMORY.as_bytes());
            if let Some(bytes) = memory(pair[1]).ok().filter(|_| is_memory)
                && (1..self.config.memory_bytes_min()).contains(&bytes)
            {
                *setting = tight_memory(bytes);
            }
        }
        let change = move |current: &mut Settings| {
            settings.into_iter().for_each(|setting: Setting| setting(current));
        };
        self.amend(client, change, move |outcome| {
            outcome
                .map(|()| Amended::Ok)
                .map_err(|error| failure("CONFIG SET", &error, &parameters))
        })
    }
}

/// The parameters that fit one of the patterns, each once, in the order of the table.
pub(super) fn chosen(patterns: &[&[u8]]) -> impl Iterator<Item = &'static Parameter> {
    let patterns: Vec<Vec<u8>> =
        patterns.iter().map(|pattern| pattern.to_ascii_lowercase()).collect();
    all().filter(move |parameter| {
        let name = parameter.name;
        let fits = |pattern: &Vec<u8>| matches(pattern, name.as_bytes());
        patterns.iter().any(|it| fits(it) && (name != HIDDEN || it == name.as_bytes()))
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
        let setting = parameter.read(value).map_err(|problem| failed(parameter, &problem))?;
        settings.push((parameter, setting));
    }
    Ok(settings)
}
