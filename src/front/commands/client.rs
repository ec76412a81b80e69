//! Owns CLIENT: what a client asks and sets of itself, and what it asks of others.

use super::super::blocked::Ending;
use super::super::client::{Client, ReplyMode};
use super::super::execute::Progress;
use super::asks::{Asker, FrontAsk};
use super::client_filter::ClientFilter;
use super::client_line::{Whereabouts, client_line, line_bytes};
use super::connection::{attribute, client_name};
use super::run::{
    Carried, exactly, is_word, keyword, not_integer, shown, syntax, unknown_subcommand, wrong_arity,
};
use super::tracking::redirection;
use crate::node::{Io, NodeCore};
use crate::tracking::set_caching;
use hyperion_model::number::parse_integer;

const HELP: [&str; 56] = [
    "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "CACHING (YES|NO)",
    "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
    "GETNAME",
    "    Return the name of the current connection.",
    "GETREDIR",
    "    Return the client ID we are redirecting to when tracking is enabled.",
    "HELP",
    "    Prints this help.",
    "ID",
    "    Return the ID of the current connection.",
    "INFO",
    "    Return information about the current client connection.",
    "KILL <ip:port>",
    "    Kill connection made from <ip:port>.",
    "KILL <option> <value> [<option> <value> [...]]",
    "    Kill connections. Options are:",
    "    * ADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made from the specified address",
    "    * ID <client-id>",
    "      Kill the connection with this ID; may be given more than once.",
    "    * LADDR (<ip:port>|<unixsocket>:0)",
    "      Kill connections made to specified local address",
    "    * MAXAGE <seconds>",
    "      Kill connections that are at least so old.",
    "    * SKIPME (YES|NO)",
    "      Skip killing current connection (default: yes).",
    "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
    "      Kill connections by type; those that listen to channels are PUBSUB, all others NORMAL.",
    "    * USER <username>",
    "      Kill connections authenticated by <username>.",
    "LIST [TYPE (NORMAL|MASTER|REPLICA|PUBSUB) | ID <client-id> [<client-id> ...]]",
    "    Return information about client connections.",
    "NO-EVICT (ON|OFF)",
    "    Protect current client connection from eviction; no client is ever evicted.",
    "NO-TOUCH (ON|OFF)",
    "    Will not touch LRU/LFU stats when this mode is on.",
    "PAUSE <timeout> [WRITE|ALL]",
    "    Suspend all, or just write, clients for <timeout> milliseconds. CLIENT goes on.",
    "REPLY (ON|OFF|SKIP)",
    "    Control the replies sent to the current connection.",
    "SETINFO <option> <value>",
    "    Set client meta attr. Options are:",
    "    * LIB-NAME: the client lib name.",
    "    * LIB-VER: the client lib version.",
    "SETNAME <name>",
    "    Assign the name <name> to the current connection.",
    "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
    "         [OPTIN] [OPTOUT] [NOLOOP]",
    "    Control server assisted client side caching, also of what other nodes serve.",
    "TRACKINGINFO",
    "    Report tracking status for the current connection.",
    "UNBLOCK <clientid> [TIMEOUT|ERROR]",
    "    Unblock the specified blocked client.",
    "UNPAUSE",
    "    Stop the current client pause, resuming traffic.",
];

impl NodeCore {
    pub(super) fn client_command(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        arguments: &[&[u8]],
    ) -> Carried {
        let (subcommand, words) = (arguments[1], &arguments[2..]);
        client.line_bytes = line_bytes(arguments);
        match keyword(subcommand).as_str() {
            "id" => {
                exactly(words, 0, "client|id")?;
                let number = i64::try_from(client.number).unwrap_or(i64::MAX);
                self.answer(client, |reply| reply.integer(number));
            }
            "getname" => {
                exactly(words, 0, "client|getname")?;
                let name = client.session.name.clone();
                self.answer(client, |reply| match name.as_str() {
                    "" => reply.null(),
                    name => reply.bulk(name.as_bytes()),
                });
            }
            "setname" => {
                exactly(words, 1, "client|setname")?;
                client.session.name = client_name(words[0])?;
                self.agree(client);
            }
            "setinfo" => {
                exactly(words, 2, "client|setinfo")?;
                set_info(client, words[0], words[1])?;
                self.agree(client);
            }
            "list" => {
                let ask = FrontAsk::ClientList(ClientFilter::parse_list(words)?);
                return Ok(self.ask_all(io, client, &ask, Asker::default()));
            }
            "info" => {
                exactly(words, 0, "client|info")?;
                let line = client_line(
                    &Whereabouts::of(io, client),
                    client,
                    self.databases,
                    "client|info",
                );
                self.answer(client, |reply| reply.verbatim("txt", line.as_bytes()));
            }
            "kill" => return self.client_kill(io, client, words),
            "no-evict" => {
                exactly(words, 1, "client|no-evict")?;
                client.session.no_evict = on_or_off(words[0])?;
                self.agree(client);
            }
            "no-touch" => {
                exactly(words, 1, "client|no-touch")?;
                client.session.no_touch = on_or_off(words[0])?;
                self.agree(client);
            }
            "pause" => return self.pause_clients(io, client, words),
            "unpause" => {
                exactly(words, 0, "client|unpause")?;
                return Ok(self.ask_all(io, client, &FrontAsk::Unpause, Asker::default()));
            }
            "reply" => {
                exactly(words, 1, "client|reply")?;
                self.client_reply(client, words[0])?;
            }
            "getredir" => {
                exactly(words, 0, "client|getredir")?;
                let number = redirection(client);
                self.answer(client, |reply| reply.integer(number));
            }
            "tracking" => return self.client_tracking(io, client, words),
            "caching" => {
                exactly(words, 1, "client|caching")?;
                set_caching(client.tracking.as_deref_mut(), words[0])?;
                self.agree(client);
            }
            "trackinginfo" => {
                exactly(words, 0, "client|trackinginfo")?;
                self.tracking_info(client);
            }
            "unblock" => return self.client_unblock(io, client, words),
            "help" => {
                exactly(words, 0, "client|help")?;
                self.help(client, &HELP);
            }
            _ => return Err(unknown_subcommand(subcommand, "CLIENT")),
        }
        Ok(Progress::Ran)
    }

    fn client_kill(&mut self, io: &mut Io, client: &mut Client, words: &[&[u8]]) -> Carried {
        let (filter, wants_word) = match words {
            [] => return Err(wrong_arity("client|kill")),
            [peer] => (ClientFilter::of_peer(peer), true),
            words => (ClientFilter::parse_kill(words, client.number, &self.config.users)?, false),
        };
        let asker = Asker { wants_word, ..Asker::default() };
        Ok(self.ask_all(io, client, &FrontAsk::ClientKill(filter), asker))
    }

    /// `CLIENT PAUSE ms [WRITE | ALL]`: commands of this node's clients wait.
    fn pause_clients(&mut self, io: &mut Io, client: &mut Client, words: &[&[u8]]) -> Carried {
        let (timeout, only_writes) = match words {
            [timeout] => (timeout, false),
            [timeout, mode] if is_word(mode, "write") => (timeout, true),
            [timeout, mode] if is_word(mode, "all") => (timeout, false),
            [_, _] => return Err("ERR CLIENT PAUSE mode must be WRITE or ALL".to_owned()),
            _ => return Err(wrong_arity("client|pause")),
        };
        let timeout_ms =
            parse_integer(timeout).ok_or("ERR timeout is not an integer or out of range")?;
        let timeout_ms = u64::try_from(timeout_ms).map_err(|_| "ERR timeout is negative")?;
        let until_ms = io.now_unix_ms().saturating_add(timeout_ms);
        let ask = FrontAsk::Pause(until_ms, only_writes);
        Ok(self.ask_all(io, client, &ask, Asker::default()))
    }

    /// `CLIENT UNBLOCK id [TIMEOUT | ERROR]`.
    fn client_unblock(&mut self, io: &mut Io, client: &mut Client, words: &[&[u8]]) -> Carried {
        let (number, ending) = match words {
            [number] => (number, Ending::Timeout),
            [number, word] if is_word(word, "timeout") => (number, Ending::Timeout),
            [number, word] if is_word(word, "error") => (number, Ending::Error),
            [_, _] => return Err("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR".to_owned()),
            _ => return Err(wrong_arity("client|unblock")),
        };
        let number = parse_integer(number).ok_or_else(not_integer)?;
        let ask = FrontAsk::ClientUnblock(u64::try_from(number).unwrap_or(0), ending);
        Ok(self.ask_all(io, client, &ask, Asker::default()))
    }

    fn client_reply(&mut self, client: &mut Client, mode: &[u8]) -> Result<(), String> {
        match keyword(mode).as_str() {
            "on" => {
                client.session.reply_mode = ReplyMode::On;
                self.agree(client);
            }
            "off" => client.session.reply_mode = ReplyMode::Off,
            "skip" if client.session.reply_mode == ReplyMode::Off => {}
            "skip" => client.session.reply_mode = ReplyMode::SkipNext,
            _ => return Err(syntax()),
        }
        Ok(())
    }
}

fn set_info(client: &mut Client, option: &[u8], value: &[u8]) -> Result<(), String> {
    let name = shown(option);
    let place = match keyword(option).as_str() {
        "lib-name" => &mut client.session.library_name,
        "lib-ver" => &mut client.session.library_version,
        _ => return Err(format!("ERR Unrecognized option '{name}'")),
    };
    *place = attribute(&name, value)?;
    Ok(())
}

pub(super) fn on_or_off(word: &[u8]) -> Result<bool, String> {
    if is_word(word, "on") {
        Ok(true)
    } else if is_word(word, "off") {
        Ok(false)
    } else {
        Err(syntax())
    }
}
