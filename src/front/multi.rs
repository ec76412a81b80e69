//! Owns MULTI, DISCARD, WATCH and UNWATCH: commands that wait in the client's session for EXEC, and keys that are watched for it.

use hyperion_engine::command::{
    Blocking, CommandError, CommandSpec, Flags, FrontCommand, Run, subcommand_refusal,
};
use hyperion_engine::{Queued, Request, Route, key_slot};
use hyperion_model::DatabaseId;

use super::client::Client;
use super::commands::Carried;
use super::execute::{CROSS_SLOT, Progress, client_word};
use super::limits::{
    QUEUED_BYTES_MAX, QUEUED_COMMANDS_MAX, QUEUED_TOTAL_BYTES_MAX, WATCHED_KEYS_MAX,
};
use crate::node::{Io, NodeCore};

/// Bytes that a queued command and each of its words take beside what they say, roundly.
const QUEUED_SLACK_BYTES: usize = 64;

/// Commands between MULTI and EXEC.
#[derive(Debug, Default)]
pub(crate) struct Multi {
    pub(super) commands: Vec<Queued>,
    pub(super) bytes: usize,
    /// One was not taken: EXEC will run none.
    pub(super) is_refused: bool,
}

impl Multi {
    pub(crate) fn commands(&self) -> &[Queued] {
        &self.commands
    }

    pub(crate) fn len(&self) -> usize {
        self.commands.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Databases have changed numbers.
    pub(super) fn move_databases(&mut self, moved: impl Fn(DatabaseId) -> DatabaseId) {
        for queued in &mut self.commands {
            queued.database = moved(queued.database);
        }
    }

    /// EXEC will run none of it; gives the bytes that it does not hold any more.
    pub(crate) fn refuse(&mut self) -> usize {
        self.is_refused = true;
        self.commands = Vec::new();
        std::mem::take(&mut self.bytes)
    }
}

impl NodeCore {
    /// Takes a line of a client that has begun a transaction; `None`: it runs at once.
    #[cold]
    pub(super) fn queue_line(
        &mut self,
        io: &Io,
        client: &mut Client,
        spec: Option<&'static CommandSpec>,
        arguments: &[&[u8]],
    ) -> Option<Progress> {
        let Some(spec) = spec else {
            let error = CommandError::unknown_command(arguments).to_string();
            return Some(self.refuse_queued(client, &error));
        };
        if !spec.admits(arguments.len()) {
            let error = CommandError::WrongArity(spec.name).to_string();
            if matches!(spec.run, Run::Front(FrontCommand::Exec)) {
                return None;
            }
            return Some(self.refuse_queued(client, &error));
        }
        if let Some(error) = subcommand_refusal(spec, arguments) {
            return Some(self.refuse_queued(client, &error));
        }
        if !client.session.is_free
            && let Some(refusal) = self.refusal(io, client, spec, arguments)
        {
            return Some(self.refuse_queued(client, &refusal));
        }
        if let Run::Front(
            FrontCommand::Exec
            | FrontCommand::Discard
            | FrontCommand::Multi
            | FrontCommand::Watch
            | FrontCommand::Quit
            | FrontCommand::Reset,
        ) = spec.run
        {
            return None;
        }
        if self.is_hindered()
            && let Some(line) = self.hindrance(client, spec, arguments)
        {
            return Some(self.refuse_queued(client, &line));
        }
        if spec.flags.has(Flags::NO_MULTI) {
            let error = "ERR Command not allowed inside a transaction";
            return Some(self.refuse_queued(client, error));
        }
        if self.is_unsettled && (spec.flags.has(Flags::READONLY) || spec.writes()) {
            if self.is_young(io) {
                self.hold_again(client);
                return Some(Progress::Held);
            }
            let line = self.unsettled();
            return Some(self.refuse_queued(client, &line));
        }
        if let Some(line) = self.queue_refusal(client, spec, arguments) {
            return Some(self.refuse_queued(client, &line));
        }
        let words: usize = arguments.iter().map(|word| word.len() + QUEUED_SLACK_BYTES).sum();
        self.queued_bytes += words;
        if let Some(multi) = &mut client.session.multi {
            multi.bytes += words;
            if !multi.is_refused {
                let arguments = arguments.iter().map(|word| word.to_vec()).collect();
                let database = client.session.database;
                multi.commands.push(Queued { spec, database, arguments });
            }
        }
        self.answer(client, |reply| reply.simple("QUEUED"));
        Some(Progress::Ran)
    }

    /// Why a command is not taken, if it is not.
    fn queue_refusal(
        &self,
        client: &Client,
        spec: &'static CommandSpec,
        arguments: &[&[u8]],
    ) -> Option<String> {
        let request = Request {
            spec,
            database: client.session.database,
            arguments,
            own_core_only: client.own_core_only,
            client: (self.index, client_word(client.connection)),
            slot: key_slot(spec, arguments),
            from_replica: false,
            blocking: Blocking::Never,
        };
        match self.engine.route(&request) {
            Route::Elsewhere { slot } if !self.forwards_for(client) => {
                return Some(self.moved(slot, client.is_secured));
            }
            Route::CrossSlot if !self.may_span(client) => return Some(CROSS_SLOT.to_owned()),
            _ => {}
        }
        if spec.flags.has(Flags::DENYOOM)
            && let Some(refusal) = self.engine.write_refusal()
        {
            return Some(refusal);
        }
        let words: usize = arguments.iter().map(|word| word.len() + QUEUED_SLACK_BYTES).sum();
        let multi = client.session.multi.as_ref()?;
        if multi.bytes + words > QUEUED_BYTES_MAX || multi.commands.len() >= QUEUED_COMMANDS_MAX {
            return Some(format!(
                "ERR a transaction may have {QUEUED_COMMANDS_MAX} commands of {QUEUED_BYTES_MAX} bytes, and this one would have more"
            ));
        }
        let is_much = self.queued_bytes + words > QUEUED_TOTAL_BYTES_MAX;
        is_much.then(|| {
            "ERR the transactions of all clients together have too many bytes; try again later"
                .to_owned()
        })
    }

    /// A line was no command that can be queued: nothing of the transaction will run.
    fn refuse_queued(&mut self, client: &mut Client, error: &str) -> Progress {
        if let Some(multi) = &mut client.session.multi {
            self.queued_bytes -= multi.refuse();
        }
        self.answer(client, |reply| reply.error(error));
        Progress::Ran
    }

    /// EXEC with words that it does not take ends the transaction.
    pub(super) fn refuse_exec(&mut self, client: &mut Client) -> String {
        self.forget_transaction(client);
        "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"
            .to_owned()
    }

    // ---- the commands

    pub(super) fn multi(&mut self, client: &mut Client) -> Carried {
        if client.session.multi.is_some() {
            return Err("ERR MULTI calls can not be nested".to_owned());
        }
        client.session.multi = Some(Box::default());
        Ok(self.agree(client))
    }

    pub(super) fn discard(&mut self, client: &mut Client) -> Carried {
        if client.session.multi.is_none() {
            return Err("ERR DISCARD without MULTI".to_owned());
        }
        self.forget_transaction(client);
        Ok(self.agree(client))
    }

    pub(super) fn unwatch(&mut self, client: &mut Client) -> Progress {
        let watched = std::mem::take(&mut client.session.watched);
        self.forget_watched(watched);
        self.agree(client)
    }

    pub(super) fn watch(&mut self, io: &Io, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        if client.session.multi.is_some() {
            return Err("ERR WATCH inside MULTI is not allowed".to_owned());
        }
        if self.must_wait(io, client)? {
            return Ok(Progress::Held);
        }
        let (database, watched) = (client.session.database, &client.session.watched);
        let is_new =
            |key: &&&[u8]| !watched.iter().any(|it| it.database == database && it.key == ***key);
        let keys = arguments[1..].iter().filter(is_new);
        let mut keys: Vec<(DatabaseId, Vec<u8>)> =
            keys.map(|key| (database, key.to_vec())).collect();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(self.agree(client));
        }
        if watched.len() + keys.len() > WATCHED_KEYS_MAX {
            return Err(format!("ERR a client may watch {WATCHED_KEYS_MAX} keys"));
        }
        self.redirection(client, &keys)?;
        let ticket = self.fresh_ticket(client);
        self.engine.begin_watch(ticket, keys);
        Ok(Progress::Ran)
    }
}
