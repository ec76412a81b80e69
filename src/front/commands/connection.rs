//! Owns the commands about one connection: PING, ECHO, HELLO, AUTH, SELECT, QUIT, RESET.

use hyperion_engine::acl::DEFAULT;
use hyperion_engine::command::CommandError;
use hyperion_model::ReplyWriter;
use hyperion_model::limits::DATABASES;
use hyperion_model::number::parse_integer;
use hyperion_wire::Protocol;

use super::super::client::{Client, Session};
use super::super::execute::Progress;
use super::super::limits::CLIENT_NAME_BYTES_MAX;
use super::super::observe::{Reason, Refusal};
use super::run::{Carried, REDIS_LEVEL, is_word, not_integer, shown, syntax, wrong_arity};
use crate::node::{Io, NodeCore};

const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";
const NO_PASSWORD: &str = "ERR AUTH <password> called without any password configured for the default user. \
     Are you sure your configuration is correct?";
const HELLO_NO_AUTH: &str = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO \
     AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time";

impl NodeCore {
    pub(super) fn ping(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        match arguments {
            [_] | [_, _] if client.only_listens() => {
                let text = arguments.get(1).copied().unwrap_or_default();
                self.answer(client, |reply| {
                    reply.array(2);
                    reply.bulk(b"pong");
                    reply.bulk(text);
                });
            }
            [_] => self.answer(client, |reply| reply.simple("PONG")),
            [_, text] => self.answer(client, |reply| reply.bulk(text)),
            _ => return Err(wrong_arity("ping")),
        }
        Ok(Progress::Ran)
    }

    pub(super) fn echo(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        let [_, text] = arguments else { return Err(wrong_arity("echo")) };
        self.answer(client, |reply| reply.bulk(text));
        Ok(Progress::Ran)
    }

    /// `HELLO [version [AUTH user password] [SETNAME name]]`.
    pub(super) fn hello(&mut self, io: &Io, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        let hello = Hello::parse(&arguments[1..])?;
        if let Some((user, password)) = hello.credentials {
            self.admit(io, client, ("hello", arguments[0]), (user, password))?;
        }
        if !client.session.is_authenticated {
            return Err(HELLO_NO_AUTH.to_owned());
        }
        if let Some(name) = hello.name {
            client.session.name = name;
        }
        if let Some(protocol) = hello.protocol {
            client.session.protocol = protocol;
        }
        let (number, protocol) = (client.number, client.session.protocol);
        // At a core's own address keys of others are redirected, whatever the other ones do.
        let redirects = client.own_core_only && self.view.is_some();
        let mode =
            if self.config.shows_a_cluster() || redirects { "cluster" } else { "standalone" };
        self.answer(client, |reply| introduce(number, protocol, mode, reply));
        Ok(Progress::Ran)
    }

    /// `AUTH [user] password`.
    pub(super) fn auth(&mut self, io: &Io, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        match arguments {
            [_, _] if self.config.users.default_user().needs_no_password => {
                return Err(NO_PASSWORD.to_owned());
            }
            [_, password] => {
                self.admit(io, client, ("auth", arguments[0]), (DEFAULT.as_bytes(), password))?;
            }
            [_, user, password] => {
                self.admit(io, client, ("auth", arguments[0]), (user, password))?;
            }
            _ => return Err(syntax()),
        }
        Ok(self.agree(client))
    }

    /// Lets a client in. Where a user needs no password any will do, as in Redis.
    pub(in crate::front) fn admit(
        &mut self,
        io: &Io,
        client: &mut Client,
        (command, typed): (&'static str, &[u8]),
        (name, password): (&[u8], &[u8]),
    ) -> Result<(), String> {
        let user = self.config.users.get(name).filter(|user| user.accepts(password)).cloned();
        let Some(user) = user else {
            let name = String::from_utf8_lossy(name);
            let refusal = Refusal::new(Reason::Auth, typed, &name, io.now_unix_ms());
            self.note_refusal(io, client, command, refusal);
            return Err(WRONG_PASSWORD.to_owned());
        };
        client.session.come_in(&user);
        Ok(())
    }

    pub(super) fn select(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        let [_, number] = arguments else { return Err(wrong_arity("select")) };
        client.session.database = self.databases.kept(database(number)?);
        Ok(self.agree(client))
    }

    pub(super) fn quit(&mut self, client: &mut Client) -> Progress {
        self.agree(client);
        client.is_closing = true;
        self.dirty(client);
        Progress::Ran
    }

    /// Takes back what the client has set; what it said of its library stays, as in Redis.
    pub(super) fn reset(&mut self, client: &mut Client) -> Progress {
        self.forget_transaction(client);
        self.drop_subscriptions(client);
        self.set_tracking(client, None);
        let fresh = Session {
            database: self.databases.kept(0),
            ..Session::new(self.config.users.default_user())
        };
        let old = std::mem::replace(&mut client.session, fresh);
        self.stop_watching(client.connection);
        client.session.library_name = old.library_name;
        client.session.library_version = old.library_version;
        self.answer(client, |reply| reply.simple("RESET"));
        Progress::Ran
    }
}

/// Reads the number of a database.
pub(in crate::front) fn database(text: &[u8]) -> Result<u8, String> {
    let number = parse_integer(text).ok_or_else(not_integer)?;
    let number = i32::try_from(number).map_err(|_| CommandError::OutOfRange.to_string())?;
    u8::try_from(number)
        .ok()
        .filter(|number| *number < DATABASES)
        .ok_or_else(|| CommandError::DatabaseOutOfRange.to_string())
}

/// What a HELLO asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hello<'a> {
    pub(super) protocol: Option<Protocol>,
    /// User and password.
    pub(super) credentials: Option<(&'a [u8], &'a [u8])>,
    pub(super) name: Option<String>,
}

impl<'a> Hello<'a> {
    /// Reads the words behind HELLO.
    ///
    /// Errors: the error line.
    pub(super) fn parse(words: &[&'a [u8]]) -> Result<Self, String> {
        let mut hello = Self::default();
        let [version, options @ ..] = words else { return Ok(hello) };
        hello.protocol = match parse_integer(version) {
            Some(2) => Some(Protocol::Resp2),
            Some(3) => Some(Protocol::Resp3),
            Some(_) => return Err("NOPROTO unsupported protocol version".to_owned()),
            None => {
                return Err("ERR Protocol version is not an integer or out of range".to_owned());
            }
        };
        let mut options = options;
        while let [option, rest @ ..] = options {
            options = match rest {
                [user, password, rest @ ..] if is_word(option, "auth") => {
                    hello.credentials = Some((user, password));
                    rest
                }
                [name, rest @ ..] if is_word(option, "setname") => {
                    hello.name = Some(client_name(name)?);
                    rest
                }
                _ => {
                    return Err(format!("ERR Syntax error in HELLO option '{}'", shown(option)));
                }
            };
        }
        Ok(hello)
    }
}

fn introduce(number: u64, protocol: Protocol, mode: &str, reply: &mut dyn ReplyWriter) {
    reply.map(7);
    reply.bulk(b"server");
    reply.bulk(b"redis");
    reply.bulk(b"version");
    reply.bulk(REDIS_LEVEL.as_bytes());
    reply.bulk(b"proto");
    reply.integer(if protocol == Protocol::Resp3 { 3 } else { 2 });
    reply.bulk(b"id");
    reply.integer(i64::try_from(number).unwrap_or(i64::MAX));
    reply.bulk(b"mode");
    reply.bulk(mode.as_bytes());
    reply.bulk(b"role");
    reply.bulk(b"master");
    reply.bulk(b"modules");
    reply.array(0);
}

/// Checks a client's name: empty takes it away.
pub(super) fn client_name(name: &[u8]) -> Result<String, String> {
    attribute("Client names", name)
}

/// Checks what a client says of itself: printable, without spaces, so that CLIENT LIST stays readable.
pub(super) fn attribute(what: &str, value: &[u8]) -> Result<String, String> {
    if value.len() > CLIENT_NAME_BYTES_MAX {
        let length = value.len();
        return Err(format!(
            "ERR {what} cannot be longer than {CLIENT_NAME_BYTES_MAX} bytes, this has {length}"
        ));
    }
    if !value.iter().all(u8::is_ascii_graphic) {
        return Err(format!("ERR {what} cannot contain spaces, newlines or special characters."));
    }
    Ok(String::from_utf8_lossy(value).into_owned())
}
