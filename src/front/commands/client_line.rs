//! Owns the line about one client in CLIENT LIST and CLIENT INFO.

use hyperion_model::Databases;
use hyperion_wire::Protocol;

use super::super::client::{Client, Hold};
use super::client_filter::{Candidate, ClientKind};
use super::tracking::redirection;
use crate::node::Io;
use crate::pubsub::Kind;

/// Where a client is, and since when, as the ring knows it.
#[derive(Clone, Copy, Debug)]
pub(in crate::front) struct Whereabouts<'a> {
    pub(super) peer: &'a str,
    pub(super) local: &'a str,
    pub(super) fd: i32,
    pub(super) age_s: u64,
    /// Since a byte went either way.
    pub(super) idle_s: u64,
}

impl<'a> Whereabouts<'a> {
    pub(in crate::front) fn of(io: &'a Io, client: &Client) -> Self {
        let (id, now_ns) = (client.connection, io.now_ns());
        let progress_ns = io.last_progress_ns(id).unwrap_or(now_ns);
        Self {
            peer: io.peer(id),
            local: io.local(id),
            fd: io.fd(id).unwrap_or(-1),
            age_s: io.now_unix_ms().saturating_sub(client.since_ms) / 1_000,
            idle_s: now_ns.saturating_sub(progress_ns) / 1_000_000_000,
        }
    }

    /// What a filter looks at.
    pub(super) fn candidate<'c>(&'c self, client: &'c Client) -> Candidate<'c> {
        let Self { peer, local, age_s, .. } = *self;
        let listens = client.subscriptions.is_some();
        let kind = if listens { ClientKind::Pubsub } else { ClientKind::Normal };
        let user = &client.session.user.name;
        Candidate { number: client.number, peer, local, age_s, user, kind }
    }
}

/// The line, with its end. `command` is what the client runs or ran last.
pub(in crate::front) fn client_line(
    place: &Whereabouts<'_>,
    client: &Client,
    databases: Databases,
    command: &str,
) -> String {
    let session = &client.session;
    let Whereabouts { peer, local, fd, age_s, idle_s } = place;
    let input_free = client.input.capacity() - client.input.len();
    // Who asks has not done with its line.
    let asks = matches!(command, "client|list" | "client|info");
    let line = if asks { client.line_bytes } else { 0 };
    let input = client.input.len() + client.input_away + line;
    let output = client.output.len();
    let multi = session.multi.as_ref().map_or_else(|| "-1".to_owned(), |it| it.len().to_string());
    let names = |kind| client.subscriptions.as_ref().map_or(0, |names| names.count(kind));
    format!(
        "id={} addr={peer} laddr={local} fd={fd} name={} age={age_s} idle={idle_s} flags={} db={} \
         sub={} psub={} ssub={} multi={multi} qbuf={input} qbuf-free={input_free} argv-mem=0 multi-mem={} \
         rbs=0 rbp=0 obl={output} oll=0 omem=0 tot-mem={} events={} cmd={command} user={} \
         redir={} resp={} lib-name={} lib-ver={}\n",
        client.number,
        session.name,
        flags(place, client),
        databases.number(session.database),
        names(Kind::Channel),
        names(Kind::Pattern),
        names(Kind::Shard),
        session.multi.as_ref().map_or(0, |multi| multi.bytes()),
        size_of::<Client>() + input + input_free + output,
        if output > 0 { "rw" } else { "r" },
        session.user.name,
        redirection(client),
        if session.protocol == Protocol::Resp3 { 3 } else { 2 },
        session.library_name,
        session.library_version,
    )
}

/// Letters as Redis gives them; `N` when there are no others.
fn flags(place: &Whereabouts<'_>, client: &Client) -> String {
    let letters: String = [
        ('b', matches!(client.hold, Hold::Answer(_) | Hold::Blocked)),
        ('c', client.is_closing),
        ('e', client.session.no_evict),
        ('x', client.session.multi.is_some()),
        ('P', client.subscriptions.is_some()),
        ('T', client.session.no_touch),
        ('O', client.session.is_monitor),
        ('t', client.tracking.is_some()),
        ('B', client.tracking.as_ref().is_some_and(|tracking| tracking.options.is_broadcast)),
        ('R', client.tracking.as_ref().is_some_and(|tracking| tracking.is_broken)),
        ('U', place.local.ends_with(":0")),
    ]
    .into_iter()
    .filter_map(|(letter, holds)| holds.then_some(letter))
    .collect();
    if letters.is_empty() { "N".to_owned() } else { letters }
}

/// How long a line is as clients send it.
pub(super) fn line_bytes(words: &[&[u8]]) -> usize {
    let head = |count: usize| 1 + count.to_string().len() + 2;
    head(words.len()) + words.iter().map(|word| head(word.len()) + word.len() + 2).sum::<usize>()
}
