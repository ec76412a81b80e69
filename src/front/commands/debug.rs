//! Owns DEBUG: what test suites use of it. What is inside Redis alone is refused.

use std::time::Duration;

use hyperion_engine::Ticket;
use hyperion_engine::command::{CommandError, find, matches};
use hyperion_model::ReplyWriter;
use hyperion_model::number::{parse_float, parse_integer};

use super::super::client::{Client, Hold};
use super::super::execute::Progress;
use super::asks::{After, Asker, FrontAsk};
use super::limits::{SLEEP_S_MAX, STRING_MATCH_BYTES_MAX};
use super::run::{Carried, keyword, not_integer, shown, wrong_arity};
use crate::config::Storage;
use crate::node::{Io, NodeCore};

const HELP: [&str; 21] = [
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "LISTPACK, QUICKLIST-PACKED-THRESHOLD, REPLYBUFFER, DICT-RESIZING <value>",
    "    Accepted, and without effect.",
    "OBJECT <key>",
    "    Show information about <key> and its value.",
    "PROTOCOL <type>",
    "    Reply with a test value of the type: STRING, INTEGER, DOUBLE, NULL, ARRAY, SET, MAP, ATTRIB, BIGNUM,",
    "    VERBATIM, TRUE or FALSE.",
    "RELOAD, LOADAOF",
    "    Reply OK when all that was written is on stable storage.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Setting it to 0 disables expiring keys in background. Only for testing.",
    "SLEEP <seconds>",
    "    Hold this client for <seconds>. Decimals allowed. Other clients go on.",
    "STRINGMATCH-LEN <length> <pattern>",
    "    Whether <pattern> fits a text of <length> times the letter a.",
    "ERROR <message>",
    "    Reply with an error of this text.",
    "HELP",
    "    Prints this help.",
    "What is inside Redis alone (JMAP, HTSTATS, SEGFAULT, DIGEST and so on) is refused.",
];

/// Subcommands that a suite may call and that change nothing here.
const WITHOUT_EFFECT: [&str; 7] = [
    "listpack",
    "quicklist-packed-threshold",
    "replybuffer",
    "dict-resizing",
    "set-disable-deny-scripts",
    "pause-cron",
    "replicate",
];

/// A client that waits for a time of the core's clock.
#[derive(Debug)]
pub(crate) struct Wake {
    pub(crate) at_ns: u64,
    since_ns: u64,
    ticket: Ticket,
    words: Vec<Vec<u8>>,
}

impl NodeCore {
    pub(super) fn debug(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        arguments: &[&[u8]],
    ) -> Carried {
        match (keyword(arguments[1]).as_str(), &arguments[2..]) {
            ("sleep", [seconds]) => self.sleep(io, client, arguments, seconds),
            ("object", [key, ..]) => {
                let ask = FrontAsk::DebugObject(client.session.database, key.to_vec());
                let asker = Asker { after: After::KeyLine, ..Asker::default() };
                Ok(self.ask_all(io, client, &ask, asker))
            }
            ("set-active-expire", [word]) => {
                let does = parse_integer(word).ok_or_else(not_integer)? != 0;
                Ok(self.ask_all(io, client, &FrontAsk::ExpireActively(does), Asker::default()))
            }
            ("reload" | "loadaof", _) if self.config.settings().storage == Storage::Memory => {
                Ok(self.agree(client))
            }
            ("reload" | "loadaof", _) => self.agree_when_durable(io, client),
            ("stringmatch-len", [length, pattern]) => {
                let length = parse_integer(length).and_then(|length| usize::try_from(length).ok());
                let length = length.filter(|length| *length <= STRING_MATCH_BYTES_MAX);
                let text = vec![b'a'; length.ok_or_else(not_integer)?];
                let fits = matches(pattern, &text);
                self.answer(client, |reply| reply.integer(i64::from(fits)));
                Ok(Progress::Ran)
            }
            ("error", [text]) => {
                let text = String::from_utf8_lossy(text).replace(['\r', '\n'], " ");
                Err(text)
            }
            ("protocol", [kind]) => {
                let kind = keyword(kind);
                self.answer(client, |reply| write_value(&kind, reply));
                Ok(Progress::Ran)
            }
            ("help", []) => Ok(self.help(client, &HELP)),
            (name, _) if WITHOUT_EFFECT.contains(&name) => Ok(self.agree(client)),
            (
                "sleep" | "object" | "set-active-expire" | "stringmatch-len" | "error" | "protocol"
                | "help",
                _,
            ) => Err(wrong_arity("debug")),
            _ => Err(format!(
                "ERR DEBUG {} is not supported: it looks into Redis, and this is Hyperion. Try DEBUG HELP, INFO everything or GET /status.",
                shown(arguments[1]).to_ascii_uppercase()
            )),
        }
    }

    fn sleep(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        arguments: &[&[u8]],
        seconds: &[u8],
    ) -> Carried {
        let wait = sleep_time(seconds)?;
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Ok(Progress::Held);
        }
        let ticket = self.fresh_ticket(client);
        let wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        let since_ns = io.now_ns();
        let words = arguments.iter().map(|word| word.to_vec()).collect();
        self.wakes.push(Wake { at_ns: since_ns.saturating_add(wait_ns), since_ns, ticket, words });
        Ok(Progress::Ran)
    }

    /// The time of a client has come. Its command counts as one that took so long.
    pub(crate) fn wake(&mut self, io: &mut Io, wake: &Wake) {
        let connection = self.tickets.get(&wake.ticket).copied();
        let spec = find(b"debug");
        if let (Some(spec), Some(connection)) = (spec, connection)
            && let Some(client) = self.clients.take(connection)
        {
            let words: Vec<&[u8]> = wake.words.iter().map(Vec::as_slice).collect();
            let took = Duration::from_nanos(io.now_ns().saturating_sub(wake.since_ns));
            self.note_slow(io, &client, spec, &words, took);
            self.clients.put_back(client);
        }
        self.finish_with(io, wake.ticket, |reply| reply.simple("OK"));
    }
}

/// Reads the time of DEBUG SLEEP; a negative one is none.
pub(super) fn sleep_time(text: &[u8]) -> Result<Duration, String> {
    let seconds = parse_float(text).ok_or_else(|| CommandError::NotFloat.to_string())?;
    Ok(Duration::from_secs_f64(seconds.clamp(0.0, SLEEP_S_MAX)))
}

/// The values that DEBUG PROTOCOL has in Redis.
fn write_value(kind: &str, reply: &mut dyn ReplyWriter) {
    match kind {
        "string" => reply.bulk(b"Hello World"),
        "integer" => reply.integer(12_345),
        // Redis' own digits.
        "double" => reply.double(f64::from(3_141_u16) / 1_000.0),
        "null" => reply.null(),
        "array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        "set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        "map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        "attrib" => {
            if reply.attributes(1) {
                reply.bulk(b"key-popularity");
                reply.array(2);
                reply.bulk(b"key:123");
                reply.integer(90);
            }
            reply.bulk(b"Some real reply following the attribute");
        }
        "bignum" => reply.big_number("1234567999999999999999999999999999999"),
        "verbatim" => reply.verbatim("txt", b"This is a verbatim\nstring"),
        "true" => reply.boolean(true),
        "false" => reply.boolean(false),
        _ => reply.error(
            "ERR Wrong protocol type name. Please use one of the following: string|integer|double|null|array|set|map|attrib|bignum|verbatim|true|false",
        ),
    }
}
