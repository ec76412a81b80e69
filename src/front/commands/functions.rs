//! Owns FCALL and FUNCTION: libraries of functions, which live in the config.

use std::sync::{Arc, OnceLock};

use hyperion_engine::command::{CommandSpec, dump_libraries, matches, read_libraries};
use hyperion_model::ReplyWriter;

use super::super::client::Client;
use super::super::execute::Progress;
use super::amend::{Amended, failure};
use super::limits::LIBRARIES_UNPACKED_MAX;
use super::run::{
    Carried, exactly, is_word, keyword, misused, shown, unknown_subcommand, wrong_arity,
};
use crate::config::{Resolved, Settings};
use crate::node::{Io, NodeCore};
use crate::scripts::{self, Kind, Libraries, Library, Policy, Slow};

const HELP: [&str; 35] = [
    "FUNCTION <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LOAD [REPLACE] <FUNCTION CODE>",
    "    Create a new library with the given library name and code.",
    "DELETE <LIBRARY NAME>",
    "    Delete the given library.",
    "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
    "    Return general information on all the libraries:",
    "    * Library name",
    "    * The engine used to run the Library",
    "    * Library description",
    "    * Functions list",
    "    * Library code (if WITHCODE is given)",
    "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
    "STATS",
    "    Return information about the current function running:",
    "    * Function name",
    "    * Command used to run the function",
    "    * Duration in MS that the function is running",
    "    If no function is running, return nil",
    "    In addition, returns a list of available engines.",
    "KILL",
    "    Kill the current running function.",
    "FLUSH [ASYNC|SYNC]",
    "    Delete all the libraries. Both modes are the same here.",
    "DUMP",
    "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
    "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
    "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
    "    control how to handle existing libraries (default APPEND):",
    "    * FLUSH: delete all existing libraries.",
    "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
    "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
    "      libraries with the new libraries.",
    "HELP",
    "    Print this help.",
];

/// The libraries of a core, and the config whose they are.
#[derive(Debug, Default)]
pub(crate) struct LoadedLibraries(Option<(Arc<Resolved>, Libraries)>);

impl LoadedLibraries {
    /// Memory of the machine that they run on.
    pub(super) fn used_bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, |(_, libraries)| libraries.machine().used_bytes())
    }

    /// Libraries and functions that are loaded here.
    pub(super) fn counts(&self) -> [i64; 2] {
        self.0.as_ref().map_or([0, 0], |(_, libraries)| libraries.counts())
    }
}

impl NodeCore {
    /// How many functions the libraries of the config have.
    pub(super) fn count_functions(&mut self) -> i64 {
        if self.config.settings().functions.is_empty() {
            return 0;
        }
        self.libraries().map_or(0, |libraries| libraries.counts()[1])
    }

    /// The libraries of the config in force, loaded.
    fn libraries(&mut self) -> Result<&Libraries, String> {
        let codes = &self.config.settings().functions;
        let loaded = &mut self.scripts.libraries.0;
        let (config, libraries) = match loaded {
            Some(loaded) => loaded,
            None => loaded.insert((Arc::clone(&self.config), Libraries::of(codes)?)),
        };
        if !Arc::ptr_eq(config, &self.config) {
            if config.settings().functions != *codes {
                libraries.follow(codes);
            }
            *config = Arc::clone(&self.config);
        }
        Ok(libraries)
    }

    /// `FCALL name count [key ...] [argument ...]`.
    pub(super) fn fcall(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        spec: &'static CommandSpec,
        arguments: &[&[u8]],
    ) -> Carried {
        if self.script_must_wait(io, client)? {
            return Ok(Progress::Held);
        }
        if self.observer.watch.is_on {
            self.show_line(io, client, spec, arguments);
        }
        let libraries = self.libraries()?;
        let (name, script) = libraries.find(arguments[1]).ok_or("ERR Function not found")?;
        let machine = libraries.machine();
        let bad = "ERR Bad number of keys provided";
        let counted = super::scripting::key_count(arguments, bad)?;
        let words = arguments[3..].split_at(counted);
        self.run_script(io, client, spec, (machine, &name, script), words)
    }

    pub(super) fn function_command(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        let (subcommand, words) = (arguments[1], &arguments[2..]);
        match keyword(subcommand).as_str() {
            "load" if words.is_empty() => Err(wrong_arity("function|load")),
            "load" => self.function_load(client, words),
            "delete" => {
                exactly(words, 1, "function|delete")?;
                self.function_delete(client, words[0])
            }
            "flush" => self.function_flush(client, subcommand, words),
            "list" => self.function_list(client, words),
            "dump" => {
                exactly(words, 0, "function|dump")?;
                let codes = &self.config.settings().functions;
                let payload = dump_libraries(codes.values().map(String::as_bytes));
                self.answer(client, |reply| reply.bulk(&payload));
                Ok(Progress::Ran)
            }
            "restore" if words.is_empty() => Err(wrong_arity("function|restore")),
            "restore" => self.function_restore(client, subcommand, words),
            "stats" => {
                exactly(words, 0, "function|stats")?;
                self.function_stats(client)
            }
            "kill" => {
                exactly(words, 0, "function|kill")?;
                self.kill_script(client, Kind::Function)
            }
            "help" => {
                exactly(words, 0, "function|help")?;
                Ok(self.help(client, &HELP))
            }
            _ => Err(unknown_subcommand(subcommand, "FUNCTION")),
        }
    }

    fn function_load(&mut self, client: &mut Client, words: &[&[u8]]) -> Carried {
        let (code, options) = words.split_last().ok_or("ERR Function code is missing")?;
        if let Some(option) = options.iter().find(|option| !is_word(option, "replace")) {
            return Err(format!("ERR Unknown option given: {}", shown(option)));
        }
        if let Some(refusal) = self.engine.write_refusal() {
            return Err(refusal);
        }
        let (code, replaces) = (text_of(code)?, !options.is_empty());
        self.amend_functions(client, "FUNCTION LOAD", move |settings| {
            scripts::add(&mut settings.functions, &code, replaces).map(Amended::Text)
        })
    }

    fn function_delete(&mut self, client: &mut Client, name: &[u8]) -> Carried {
        let name = String::from_utf8_lossy(name).into_owned();
        self.amend_functions(client, "FUNCTION DELETE", move |settings| {
            let removed = settings.functions.remove(&name);
            removed.map(|_| Amended::Ok).ok_or_else(|| "ERR Library not found".to_owned())
        })
    }

    fn function_flush(
        &mut self,
        client: &mut Client,
        subcommand: &[u8],
        words: &[&[u8]],
    ) -> Carried {
        match words {
            [] => {}
            [mode] if is_word(mode, "async") || is_word(mode, "sync") => {}
            [_] => return Err("ERR FUNCTION FLUSH only supports SYNC|ASYNC option".to_owned()),
            _ => return Err(misused(subcommand, "FUNCTION")),
        }
        self.amend_functions(client, "FUNCTION FLUSH", |settings| {
            settings.functions.clear();
            Ok(Amended::Ok)
        })
    }

    fn function_restore(
        &mut self,
        client: &mut Client,
        subcommand: &[u8],
        words: &[&[u8]],
    ) -> Carried {
        let policy = match &words[1..] {
            [] => Policy::Append,
            [word] => match keyword(word).as_str() {
                "append" => Policy::Append,
                "replace" => Policy::Replace,
                "flush" => Policy::Flush,
                _ => return Err("ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.".to_owned()),
            },
            _ => return Err(misused(subcommand, "FUNCTION")),
        };
        if let Some(refusal) = self.engine.write_refusal() {
            return Err(refusal);
        }
        let codes = read_libraries(words[0], LIBRARIES_UNPACKED_MAX)
            .map_err(|problem| format!("ERR {problem}"))?;
        let codes = codes.iter().map(|code| text_of(code)).collect::<Result<Vec<_>, _>>()?;
        self.amend_functions(client, "FUNCTION RESTORE", move |settings| {
            scripts::restore(&mut settings.functions, &codes, policy).map(|()| Amended::Ok)
        })
    }

    /// Changes the libraries; what `change` gives is the answer once they are in force.
    fn amend_functions(
        &mut self,
        client: &mut Client,
        command: &'static str,
        change: impl FnOnce(&mut Settings) -> Result<Amended, String> + Send + 'static,
    ) -> Carried {
        let made: Arc<OnceLock<Result<Amended, String>>> = Arc::default();
        let told = Arc::clone(&made);
        let change = move |settings: &mut Settings| drop(told.set(change(settings)));
        self.amend(client, change, move |outcome| {
            let made = made.get().cloned().unwrap_or(Ok(Amended::Ok))?;
            outcome.map(|()| made).map_err(|error| failure(command, &error, &[]))
        })
    }

    fn function_list(&mut self, client: &mut Client, words: &[&[u8]]) -> Carried {
        let (mut pattern, mut has_code) = (None, false);
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if !has_code && is_word(word, "withcode") {
                has_code = true;
            } else if pattern.is_none() && is_word(word, "libraryname") {
                let given = rest.next().ok_or("ERR library name argument was not given")?;
                pattern = Some(given.to_ascii_lowercase());
            } else {
                return Err(format!("ERR Unknown argument {}", shown(word)));
            }
        }
        let fits = |name: &String| {
            pattern.as_ref().is_none_or(|it| matches(it, name.to_ascii_lowercase().as_bytes()))
        };
        let mut told = hyperion_engine::Recorded::default();
        let libraries: Vec<_> = self.libraries()?.iter().filter(|(name, _)| fits(name)).collect();
        told.array(libraries.len());
        for (name, library) in libraries {
            write_library(name, library, has_code, &mut told);
        }
        self.answer(client, |reply| told.write(reply));
        Ok(Progress::Ran)
    }

    fn function_stats(&mut self, client: &mut Client) -> Carried {
        let counts = self.libraries()?.counts();
        let running = self.shared.running.of_function()?;
        self.answer(client, |reply| write_function_stats(running.as_deref(), counts, reply));
        Ok(Progress::Ran)
    }
}

/// Writes what FUNCTION STATS answers; `counts` are of libraries and functions.
pub(in crate::front) fn write_function_stats(
    running: Option<&Slow>,
    [libraries, functions]: [i64; 2],
    reply: &mut dyn ReplyWriter,
) {
    reply.map(2);
    reply.bulk(b"running_script");
    match running {
        None => reply.null(),
        Some(running) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(running.name.as_bytes());
            reply.bulk(b"command");
            reply.array(running.line.len());
            running.line.iter().for_each(|word| reply.bulk(word));
            reply.bulk(b"duration_ms");
            reply.integer(running.duration_ms());
        }
    }
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.integer(libraries);
    reply.bulk(b"functions_count");
    reply.integer(functions);
}

fn write_library(name: &str, library: &Library, has_code: bool, reply: &mut dyn ReplyWriter) {
    reply.map(if has_code { 4 } else { 3 });
    reply.bulk(b"library_name");
    reply.bulk(name.as_bytes());
    reply.bulk(b"engine");
    reply.bulk(b"LUA");
    reply.bulk(b"functions");
    reply.array(library.functions.len());
    for function in &library.functions {
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(function.name.as_bytes());
        reply.bulk(b"description");
        match &function.description {
            Some(text) => reply.bulk(text),
            None => reply.null(),
        }
        reply.bulk(b"flags");
        reply.set(function.flags.names().count());
        function.flags.names().for_each(|name| reply.simple(name));
    }
    if has_code {
        reply.bulk(b"library_code");
        reply.bulk(library.code.as_bytes());
    }
}

fn text_of(code: &[u8]) -> Result<String, String> {
    String::from_utf8(code.to_vec())
        .map_err(|_| "ERR The config keeps text: the code of a library must be UTF-8".to_owned())
}
