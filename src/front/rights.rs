//! Owns the question whether a client may run a line. Clients that may do everything are never asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyperion_engine::acl::{Denied, User, What};
use hyperion_engine::command::{CommandSpec, Flags};

use super::client::Client;
use super::commands::{Whereabouts, client_line};
use super::execute::NO_AUTH;
use super::observe::{Reason, Refusal, full_name};
use crate::node::{Io, NodeCore};

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
        let denied = user.check(spec, arguments).err()?;
        let (reason, object) = match denied.what {
            What::Command => (Reason::Command, full_name(spec, arguments).as_bytes()),
            What::Key => (Reason::Key, arguments[denied.at]),
            What::Channel => (Reason::Channel, arguments[denied.at]),
        };
        self.note_refusal(
            io,
            client,
            spec.name,
            Refusal::new(reason, object, &user.name, io.now_unix_ms()),
        );
        Some(format!("NOPERM {}", sentence(&user, &denied, spec, arguments, false)))
    }

    /// Notes that a client was refused something.
    pub(super) fn note_refusal(
        &mut self,
        io: &Io,
        client: &Client,
        command: &str,
        mut refusal: Refusal,
    ) {
        refusal.client = client_line(&Whereabouts::of(io, client), client, command);
        self.counters.denied[refusal.reason as usize] += 1;
        refusal.id = self.shared.notes.fetch_add(1, Ordering::Relaxed);
        let max = self.config.settings().observe.acl_log_len_max as usize;
        self.observer.refusals.note(refusal, max);
    }

    /// The users have changed: clients have what their user has now, and those of a user who is gone are closed.
    pub(crate) fn users_changed(&mut self, io: &mut Io) {
        let mut gone = Vec::new();
        let users = Arc::clone(&self.config);
        for client in self.clients.iter_mut() {
            match users.users.get(client.session.user.name.as_bytes()) {
                Some(user) => client.session.follow(user),
                None => {
                    client.is_closing = true;
                    gone.push(client.connection);
                }
            }
        }
        gone.into_iter().for_each(|connection| io.close(connection));
    }
}
