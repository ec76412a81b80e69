//! Owns commands about all keys of all nodes, for clients that do not know the cluster: every node is asked for its part, and a scan goes from
//! one to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hyperion_engine::command::{Gather, Part, Run, check, merge, parse_cursor, scan_count};
use hyperion_engine::{Recorded, Request, Ticket};
use hyperion_model::{DatabaseId, PartitionId};
use hyperion_runtime::ConnectionId;
use hyperion_store::ScanCursor;
use hyperion_wire::peer::{Answer, Body, Forwarded, ForwardedCommand, ForwardedReply};
use hyperion_wire::reply::{Decoder, Reply};

use super::client::{Client, Hold};
use super::execute::Progress;
use super::foreign::{WHOLE_NODE, WHOLE_NODE_OF};
use super::forward::number_of;
use super::limits::{ANSWER_WAIT_NS, WHOLE_MAX};
use crate::cluster::ClusterView;
use crate::node::{Io, NodeCore};
use crate::scripts::Ask;

/// The connection of a question that no client asks.
const NOBODY: ConnectionId = ConnectionId { index: u32::MAX, generation: u32::MAX };

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
    /// How a scan goes on, if it is one.
    scan: Option<Scan>,
}

/// A scan on its way from node to node.
#[derive(Debug)]
struct Scan {
    connection: ConnectionId,
    database: DatabaseId,
    arguments: Vec<Vec<u8>>,
    /// Keys that are still to be found, and where the node that was asked last began.
    left: u64,
    cursor: ScanCursor,
}

impl NodeCore {
    /// Runs a command about all keys at all nodes, SCAN from where its cursor stands; `None` when it belongs here alone.
    pub(super) fn run_over_nodes(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        request: &Request<'_>,
    ) -> Option<Progress> {
        if let Run::Every(gather) = request.spec.run {
            return Some(self.ask_nodes(io, client, request, gather));
        }
        // What is no cursor is refused here, and one of no partition ends here.
        let cursor = request.arguments.get(1).and_then(|cursor| parse_cursor(cursor))?;
        let view = self.view.as_ref()?;
        view.partitions.get(usize::from(cursor.partition().0))?;
        Some(self.scan_nodes(io, client, request, cursor))
    }

    fn scan_nodes(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        request: &Request<'_>,
        cursor: ScanCursor,
    ) -> Progress {
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        let left = match scan_count(request.arguments) {
            Ok(left) => left,
            Err(error) => {
                self.answer(client, |reply| reply.error(&error.to_string()));
                return Progress::Ran;
            }
        };
        if self.wholes.questions.len() >= WHOLE_MAX {
            self.hold_again(client);
            return Progress::Held;
        }
        let Some(node) = self.scanned_node(cursor.partition()) else {
            let slot = self.view.as_ref().map_or(0, |view| {
                let (slot, _) = view.slots_of(usize::from(cursor.partition().0));
                slot
            });
            return self.wait_for_leader(io, client, slot);
        };
        client.leaderless_since_ns = None;
        let ticket = self.fresh_ticket(client);
        let asked =
            (request.database, request.arguments.iter().map(|word| word.to_vec()).collect());
        self.begin_scan_over_nodes(io, (ticket, client.connection), node, asked, (left, cursor));
        Progress::Ran
    }

    fn begin_scan_over_nodes(
        &mut self,
        io: &Io,
        (ticket, connection): (Ticket, ConnectionId),
        node: u32,
        (database, arguments): (DatabaseId, Vec<Vec<u8>>),
        (left, cursor): (u64, ScanCursor),
    ) {
        let (parts, since_ns) = (Vec::new(), io.now_ns());
        let scan = Some(Scan { connection, database, arguments, left, cursor });
        let whole = Whole { gather: Gather::Scan, parts, missing: 0, since_ns, scan };
        self.counters.forwarded += 1;
        self.wholes.questions.insert(ticket, whole);
        self.ask_scan(io, ticket, node, cursor);
    }

    /// The node to ask for what a partition has, if it is reached.
    fn scanned_node(&self, partition: PartitionId) -> Option<u32> {
        let view = self.view.as_ref()?;
        let leader = view.partitions.get(usize::from(partition.0))?.leader?;
        let is_reached = leader == view.own || view.nodes[leader].is_up;
        is_reached.then(|| view.nodes[leader].id)
    }

    /// Asks a node for the next step of a scan.
    fn ask_scan(&mut self, io: &Io, ticket: Ticket, node: u32, cursor: ScanCursor) {
        let Some(whole) = self.wholes.questions.get_mut(&ticket) else { return };
        let Some(scan) = &mut whole.scan else { return };
        (whole.missing, whole.since_ns, scan.cursor) = (1, io.now_ns(), cursor);
        let mut arguments = scan.arguments.clone();
        arguments[1] = cursor.0.to_string().into_bytes();
        arguments.extend([b"COUNT".to_vec(), scan.left.to_string().into_bytes()]);
        let (connection, database) = (scan.connection, scan.database);
        let words: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
        self.ask_node((ticket, connection), node, database, &words, WHOLE_NODE);
    }

    /// Where a scan goes on now that a node has made its step: at the node that has the next partition, if there is not enough.
    fn next_of_scan(&mut self, ticket: Ticket) -> Option<(u32, ScanCursor)> {
        let whole = self.wholes.questions.get_mut(&ticket)?;
        let scan = whole.scan.as_mut()?;
        let Some(Part::Scan { cursor, keys, .. }) = whole.parts.last() else { return None };
        scan.left = scan.left.saturating_sub(keys.len() as u64);
        let (cursor, partition) = (*cursor, cursor.partition());
        // A step that ends within a partition has looked at enough; one that went nowhere was asked of a node that has it no more.
        let is_between = cursor == ScanCursor::at_partition(partition);
        if scan.left == 0 || cursor.0 <= scan.cursor.0 || !is_between {
            return None;
        }
        self.scanned_node(partition).map(|node| (node, cursor))
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
        let is_transparent = self.config.is_transparent();
        let Some(view) = self.view.clone().filter(|_| is_transparent) else {
            let words = words.map(<[u8]>::to_vec);
            self.engine.begin_gather(ticket, Gather::Flush, database, &words);
            return true;
        };
        if self.wholes.questions.len() >= WHOLE_MAX || leaderless(&view).is_some() {
            return false;
        }
        self.ask_leaders(io, &view, (ticket, NOBODY), Gather::Flush, database, &words);
        true
    }

    /// Asks all cores for a script, and all nodes where it spans them; the answer comes by its ticket.
    ///
    /// Errors: why nobody was asked.
    pub(super) fn ask_for_script(
        &mut self,
        io: &Io,
        asker: (Ticket, ConnectionId),
        ask: &Ask,
        spans: bool,
    ) -> Result<(), String> {
        const NOT_NOW: &str = "TRYAGAIN not all keys are served now; send the command again";
        let arguments: Vec<&[u8]> = ask.words.iter().map(Vec::as_slice).collect();
        let gather = match ask.spec.run {
            Run::Every(gather) => gather,
            _ => Gather::Scan,
        };
        check(gather, &arguments).map_err(|error| error.to_string())?;
        let view = self.view.clone().filter(|_| spans);
        if gather == Gather::Scan {
            let cursor = parse_cursor(arguments[1]).unwrap_or_default();
            let is_there =
                |view: &Arc<ClusterView>| usize::from(cursor.partition().0) < view.partitions.len();
            if !view.as_ref().is_some_and(is_there) {
                self.engine.begin_scan(asker.0, ask.database, ask.words.clone(), false);
                return Ok(());
            }
            let left = scan_count(&arguments).unwrap_or(1);
            let node = self.scanned_node(cursor.partition()).ok_or(NOT_NOW)?;
            let asked = (ask.database, ask.words.clone());
            self.begin_scan_over_nodes(io, asker, node, asked, (left, cursor));
            return Ok(());
        }
        let Some(view) = view else {
            self.engine.begin_gather(asker.0, gather, ask.database, &ask.words);
            return Ok(());
        };
        if self.wholes.questions.len() >= WHOLE_MAX || leaderless(&view).is_some() {
            return Err(NOT_NOW.to_owned());
        }
        self.ask_leaders(io, &view, asker, gather, ask.database, &arguments);
        Ok(())
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
        let mut leaders: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        for (number, partition) in (0_u16..).zip(&view.partitions) {
            if let Some(leader) = partition.leader {
                leaders.entry(leader).or_default().extend(number.to_le_bytes());
            }
        }
        self.counters.forwarded += 1;
        let (parts, missing, since_ns) = (Vec::new(), leaders.len(), io.now_ns());
        let whole = Whole { gather, parts, missing, since_ns, scan: None };
        self.wholes.questions.insert(ticket, whole);
        let is_told = connection != NOBODY;
        for (node, led) in leaders {
            let (asker, node) = ((ticket, connection), view.nodes[node].id);
            // A lead that has gone on meanwhile is noticed, and the client told; where nobody would hear of it, all do what they can.
            if gather == Gather::Flush && is_told {
                let words = [arguments, &[&led]].concat();
                self.ask_node(asker, node, database, &words, WHOLE_NODE_OF);
            } else {
                self.ask_node(asker, node, database, arguments, WHOLE_NODE);
            }
        }
    }

    /// Asks one node for its part of a question.
    fn ask_node(
        &mut self,
        (ticket, connection): (Ticket, ConnectionId),
        node: u32,
        database: DatabaseId,
        arguments: &[&[u8]],
        flags: u8,
    ) {
        let number = number_of(self.index, connection, self.forwarding.fresh());
        self.wholes.numbers.insert(number, (ticket, node));
        let command = ForwardedCommand {
            request: number,
            database: database.0,
            protocol: 2,
            flags,
            arguments: arguments.iter().map(|&argument| argument.into()).collect(),
        };
        let frame = Forwarded { commands: vec![command] };
        if self.is_own_node(node) {
            return self.take_forwarded(node, frame);
        }
        let is_taken = self.peers.as_mut().is_some_and(|peers| {
            let mut is_written = true;
            peers.queue(node, |out| is_written = frame.encode(out).is_ok()) && is_written
        });
        if !is_taken {
            self.fail_whole_later(number);
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
        if let Some((node, cursor)) = self.next_of_scan(ticket) {
            self.ask_scan(io, ticket, node, cursor);
            return true;
        }
        let is_whole = |whole: &Whole| whole.missing == 0;
        if self.wholes.questions.get(&ticket).is_some_and(is_whole)
            && let Some(Whole { gather, parts, .. }) = self.wholes.questions.remove(&ticket)
        {
            let random = self.draw();
            if self.scripts.is_asking(ticket) {
                let mut said = Recorded::default();
                merge(gather, parts, random, &mut said);
                self.script_heard(ticket, said);
                return true;
            }
            self.finish_with(io, ticket, |reply| merge(gather, parts, random, reply));
        }
        true
    }

    /// Nothing can be said of what a node did: the client hears so by the end of its connection.
    fn lose_whole(&mut self, io: &mut Io, ticket: Ticket) {
        self.wholes.questions.remove(&ticket);
        self.scripts.forget(ticket);
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
        Reply::Array(mut words) => {
            if let [Reply::Bulk(cursor), Reply::Array(_)] = words.as_slice() {
                let cursor = parse_cursor(cursor)?;
                let keys = words.pop().and_then(keys_of)?;
                return Some(Part::Scan { cursor, met: keys.len() as u64, keys });
            }
            Part::KeyList(keys_of(Reply::Array(words))?)
        }
        _ => return None,
    })
}

fn keys_of(reply: Reply) -> Option<Vec<Vec<u8>>> {
    let Reply::Array(keys) = reply else { return None };
    let key = |reply| match reply {
        Reply::Bulk(key) => Some(key),
        _ => None,
    };
    keys.into_iter().map(key).collect()
}
