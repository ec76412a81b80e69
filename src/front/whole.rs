//! Owns commands about all keys of all nodes, for clients that do not know the cluster: every node is asked for its part.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_cluster::config::ClientRouting;
use hyperion_engine::command::{Gather, Part, Run, check, merge, parse_cursor};
use hyperion_engine::{Request, Ticket};
use hyperion_model::{DatabaseId, PartitionId};
use hyperion_runtime::ConnectionId;
use hyperion_store::ScanCursor;
use hyperion_wire::peer::{Answer, Body, Forwarded, ForwardedCommand, ForwardedReply};
use hyperion_wire::reply::{Decoder, Reply};

use super::client::{Client, Hold};
use super::execute::Progress;
use super::foreign::WHOLE_NODE;
use super::forward::number_of;
use super::limits::{ANSWER_WAIT_NS, WHOLE_MAX};
use crate::cluster::ClusterView;
use crate::node::{Io, NodeCore};

/// Questions to all nodes that are under way.
#[derive(Debug, Default)]
pub(crate) struct Wholes {
    questions: BTreeMap<Ticket, Whole>,
    /// Of each number which question it is a part of, and who was asked.
    numbers: BTreeMap<u64, (Ticket, u32)>,
}

#[derive(Debug)]
struct Whole {
    gather: Gather,
    parts: Vec<Part>,
    missing: usize,
    since_ns: u64,
}

impl NodeCore {
    /// Runs SCAN where its cursor stands, or a command about all keys everywhere; `None` when it belongs here alone.
    pub(super) fn run_over_nodes(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        request: &Request<'_>,
    ) -> Option<Progress> {
        let Run::Every(gather) = request.spec.run else {
            let cursor = request.arguments.get(1).and_then(|cursor| parse_cursor(cursor));
            let partition = cursor.map_or(PartitionId(0), ScanCursor::partition);
            let view = self.view.as_ref()?;
            let place = view.partitions.get(usize::from(partition.0))?;
            if place.leader == Some(view.own) {
                return None;
            }
            let (slot, _) = view.slots_of(usize::from(partition.0));
            return Some(self.forward(io, client, request, slot));
        };
        Some(self.ask_nodes(io, client, request, gather))
    }

    fn ask_nodes(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        request: &Request<'_>,
        gather: Gather,
    ) -> Progress {
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        if let Err(error) = check(gather, request.arguments) {
            self.answer(client, |reply| reply.error(&error.to_string()));
            return Progress::Ran;
        }
        if self.wholes.questions.len() >= WHOLE_MAX {
            self.hold_again(client);
            return Progress::Held;
        }
        let Some(view) = self.view.clone() else { return Progress::Ran };
        if let Some(partition) = leaderless(&view) {
            return self.wait_for_leader(io, client, view.slots_of(partition).0);
        }
        client.leaderless_since_ns = None;
        let ticket = self.fresh_ticket(client);
        let asker = (ticket, client.connection);
        self.ask_leaders(io, &view, asker, gather, request.database, request.arguments);
        Progress::Ran
    }

    /// FLUSHDB for nobody, where a client's would run; `false`: not now.
    pub(super) fn empty_for_nobody(&mut self, io: &Io, database: DatabaseId) -> bool {
        self.tickets_given += 1;
        let (ticket, words) = (Ticket(self.tickets_given), [&b"flushdb"[..]]);
        let is_transparent = self.config.settings().resp.cluster == ClientRouting::Transparent;
        let Some(view) = self.view.clone().filter(|_| is_transparent) else {
            let words = words.map(<[u8]>::to_vec);
            self.engine.begin_gather(ticket, Gather::Flush, database, &words);
            return true;
        };
        if self.wholes.questions.len() >= WHOLE_MAX || leaderless(&view).is_some() {
            return false;
        }
        let nobody = ConnectionId { index: u32::MAX, generation: u32::MAX };
        self.ask_leaders(io, &view, (ticket, nobody), Gather::Flush, database, &words);
        true
    }

    fn ask_leaders(
        &mut self,
        io: &Io,
        view: &ClusterView,
        (ticket, connection): (Ticket, ConnectionId),
        gather: Gather,
        database: DatabaseId,
        arguments: &[&[u8]],
    ) {
        let leaders: BTreeSet<usize> =
            view.partitions.iter().filter_map(|partition| partition.leader).collect();
        self.counters.forwarded += 1;
        let (parts, missing, since_ns) = (Vec::new(), leaders.len(), io.now_ns());
        self.wholes.questions.insert(ticket, Whole { gather, parts, missing, since_ns });
        for node in leaders.into_iter().map(|node| view.nodes[node].id) {
            let number = number_of(self.index, connection, self.forwarding.fresh());
            self.wholes.numbers.insert(number, (ticket, node));
            let command = ForwardedCommand {
                request: number,
                database: database.0,
                protocol: 2,
                flags: WHOLE_NODE,
                arguments: arguments.iter().map(|&argument| argument.into()).collect(),
            };
            let frame = Forwarded { commands: vec![command] };
            if node == view.nodes[view.own].id {
                self.take_forwarded(node, frame);
            } else {
                let peers = self.peers.as_mut();
                let is_taken = peers.is_some_and(|peers| {
                    let mut is_written = true;
                    peers.queue(node, |out| is_written = frame.encode(out).is_ok()) && is_written
                });
                if !is_taken {
                    self.fail_whole_later(number);
                }
            }
        }
    }

    /// The node could not be asked; its part is an error, told with the other parts.
    fn fail_whole_later(&mut self, number: u64) {
        let sentence = "CLUSTERDOWN a node that serves keys is not reached; try again".into();
        let answer = Answer::Refused { sentence };
        self.own_answers.push(ForwardedReply { request: number, answer });
    }

    /// Takes a node's part; `false` when the number is of no such question.
    pub(super) fn take_whole(&mut self, io: &mut Io, reply: &ForwardedReply<'_>) -> bool {
        let Some((ticket, _)) = self.wholes.numbers.remove(&reply.request) else { return false };
        let Some(whole) = self.wholes.questions.get_mut(&ticket) else { return true };
        let part = match &reply.answer {
            Answer::Done { resp } => part_of(resp),
            Answer::Refused { sentence } => Some(Part::Refused(sentence.to_string())),
            Answer::Moved { .. } | Answer::Lost | Answer::Still { .. } | Answer::Offer { .. } => {
                None
            }
        };
        let Some(part) = part else {
            self.lose_whole(io, ticket);
            return true;
        };
        whole.parts.push(part);
        whole.missing -= 1;
        if whole.missing == 0
            && let Some(Whole { gather, parts, .. }) = self.wholes.questions.remove(&ticket)
        {
            let random = self.draw();
            self.finish_with(io, ticket, |reply| merge(gather, parts, random, reply));
        }
        true
    }

    /// Nothing can be said of what a node did: the client hears so by the end of its connection.
    fn lose_whole(&mut self, io: &mut Io, ticket: Ticket) {
        self.wholes.questions.remove(&ticket);
        self.wholes.numbers.retain(|_, (other, _)| *other != ticket);
        if let Some(connection) = self.tickets.get(&ticket) {
            io.close(*connection);
        }
    }

    /// The link to a node is gone.
    pub(super) fn whole_lost(&mut self, io: &mut Io, node: u32) {
        let numbers = self.wholes.numbers.values();
        let lost: BTreeSet<Ticket> =
            numbers.filter(|(_, asked)| *asked == node).map(|(ticket, _)| *ticket).collect();
        lost.into_iter().for_each(|ticket| self.lose_whole(io, ticket));
    }

    /// Gives up what was asked and not answered.
    pub(super) fn end_late_wholes(&mut self, io: &mut Io) {
        let is_late = |whole: &Whole| io.now_ns().saturating_sub(whole.since_ns) > ANSWER_WAIT_NS;
        let questions = self.wholes.questions.iter();
        let late: Vec<Ticket> =
            questions.filter(|(_, whole)| is_late(whole)).map(|(ticket, _)| *ticket).collect();
        late.into_iter().for_each(|ticket| self.lose_whole(io, ticket));
    }
}

/// A partition that nobody serves who can be asked.
fn leaderless(view: &ClusterView) -> Option<usize> {
    view.partitions.iter().position(|partition| {
        partition.leader.is_none_or(|node| node != view.own && !view.nodes[node].is_up)
    })
}

/// A node's part, out of its answer in RESP.
fn part_of(resp: &[u8]) -> Option<Part> {
    let (_, reply) = Decoder::new().decode(resp).ok()??;
    Some(match reply {
        Reply::Integer(count) => Part::Count(u64::try_from(count).ok()?),
        Reply::Simple(_) => Part::Done,
        Reply::Null => Part::Key { key: None, count: 0 },
        Reply::Bulk(key) => Part::Key { key: Some(key), count: 1 },
        Reply::Error(line) => Part::Refused(String::from_utf8_lossy(&line).into_owned()),
        Reply::Array(keys) => Part::KeyList(
            keys.into_iter()
                .map(|key| match key {
                    Reply::Bulk(key) => Some(key),
                    _ => None,
                })
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}
