//! Owns the question whether a client may run a line. Clients that may do everything are never asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyperion_engine::acl::{Denied, User, What};
use hyperion_engine::command::{CommandSpec, Flags};

use super::client::{Client, Hold};
use super::commands::{Whereabouts, client_line};
use super::execute::NO_AUTH;
use super::observe::{Circumstance, Reason, Refusal, full_name};
use crate::node::{Io, NodeCore};
use crate::pubsub::{Kind, Subscriptions};

/// What a line is refused for, as a sentence for the client; `is_told` names keys and channels.
pub(super) fn sentence(
    user: &User,
    denied: &Denied,
    spec: &CommandSpec,
    arguments: &[&[u8]],
    is_told: bool,
) -> String {
    let object = match denied.what {
        What::Command => full_name(spec, arguments).into(),
        What::Key | What::Channel => String::from_utf8_lossy(arguments[denied.at]),
    };
    denied.sentence(&user.name, &object, is_told)
}

fn may_listen_to_all(user: &User, subscriptions: &Subscriptions) -> bool {
    [Kind::Channel, Kind::Pattern, Kind::Shard].into_iter().all(|kind| {
        let is_pattern = kind == Kind::Pattern;
        subscriptions.all(kind).iter().all(|name| user.may_listen(name, is_pattern))
    })
}

impl NodeCore {
    /// Why the client may not run a line, as an error line.
    #[cold]
    pub(super) fn refusal(
        &mut self,
        io: &Io,
        client: &Client,
        spec: &'static CommandSpec,
        arguments: &[&[u8]],
    ) -> Option<String> {
        if !client.session.is_authenticated {
            return (!spec.flags.has(Flags::NO_AUTH)).then(|| NO_AUTH.to_owned());
        }
        if !spec.admits(arguments.len()) {
            return None;
        }
        if client.session.is_monitor && (spec.writes() || spec.flags.has(Flags::READONLY)) {
            return Some("ERR Replica can't interact with the keyspace".to_owned());
        }
        let user = Arc::clone(&client.session.user);
        let Err(denied) = user.check(spec, arguments) else {
            let option = user.sort_denied(spec, arguments)?;
            return Some(format!(
                "ERR {option} option of SORT denied due to insufficient ACL permissions."
            ));
        };
        let is_queued = client.session.multi.is_some() || client.exec.is_some();
        let circumstance =
            if is_queued { Circumstance::Transaction } else { Circumstance::TopLevel };
        self.note_denied(io, client, circumstance, spec, arguments, &denied);
        Some(format!("NOPERM {}", sentence(&user, &denied, spec, arguments, false)))
    }

    /// Why a command that was queued may not run any more, as an error line: what the user may do has changed since.
    #[cold]
    pub(super) fn refusal_since(
        &mut self,
        io: &Io,
        client: &Client,
        spec: &'static CommandSpec,
        arguments: &[&[u8]],
    ) -> Option<String> {
        let denied = client.session.user.check(spec, arguments).err()?;
        self.note_denied(io, client, Circumstance::Transaction, spec, arguments, &denied);
        let reason = match denied.what {
            What::Command => "no permission to execute the command or subcommand",
            What::Key => "no permission to touch the specified keys",
            What::Channel => {
                "no permission to access one of the channels used as arguments to the command"
            }
        };
        Some(format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: {reason}"
        ))
    }

    /// Notes what a client was denied.
    pub(super) fn note_denied(
        &mut self,
        io: &Io,
        client: &Client,
        circumstance: Circumstance,
        spec: &'static CommandSpec,
        arguments: &[&[u8]],
        denied: &Denied,
    ) {
        let (reason, object) = match denied.what {
            What::Command => (Reason::Command, full_name(spec, arguments).as_bytes()),
            What::Key => (Reason::Key, arguments[denied.at]),
            What::Channel => (Reason::Channel, arguments[denied.at]),
        };
        let refusal = Refusal::new(reason, object, &client.session.user.name, io.now_unix_ms());
        self.note_refusal(io, client, spec.name, refusal.tried(circumstance));
    }

    /// Notes that a client was refused something.
    pub(super) fn note_refusal(
        &mut self,
        io: &Io,
        client: &Client,
        command: &str,
        mut refusal: Refusal,
    ) {
        refusal.client = client_line(&Whereabouts::of(io, client), client, self.databases, command);
        self.counters.denied[refusal.reason as usize] += 1;
        refusal.id = self.shared.notes.fetch_add(1, Ordering::Relaxed);
        let max = self.config.settings().observe.acl_log_len_max as usize;
        self.observer.refusals.note(refusal, max);
    }

    /// The users have changed: clients have what their user has now, and those of a user who is gone, or who listen to what they may not any
    /// more, are closed.
    pub(crate) fn users_changed(&mut self, io: &mut Io) {
        let mut gone = Vec::new();
        let users = Arc::clone(&self.config);
        for client in self.clients.iter_mut() {
            if let Some(user) = users.users.get(client.session.user.name.as_bytes()) {
                client.session.follow(user);
                if client.subscriptions.as_ref().is_none_or(|it| may_listen_to_all(user, it)) {
                    continue;
                }
            }
            client.is_closing = true;
            // Who has removed its own user is told so first.
            if !matches!(client.hold, Hold::Answer(_)) {
                gone.push(client.connection);
            }
        }
        gone.into_iter().for_each(|connection| io.close(connection));
    }
}
