//! Owns the commands of other nodes' clients: runs them here in order, and sends their answers back.

use std::collections::BTreeMap;

use hyperion_engine::command::{Gather, Run, check, find, find_memcached, keys_of, parse_cursor};
use hyperion_engine::{Answer as Gathered, Ticket, key_slot};
use hyperion_model::limits::{DATABASES, SLOTS};
use hyperion_model::{DatabaseId, PartitionId, slot_of};
use hyperion_runtime::ConnectionId;
use hyperion_store::ScanCursor;
use hyperion_wire::Protocol;
use hyperion_wire::peer::{
    Answer, Body, Forwarded, ForwardedCommand, ForwardedReply, Kind, Replies,
};

use super::batch::{CommandHead, ReplyBatch};
use super::blocked::Ending;
use super::finished::write_answer;
use super::limits::{FORWARDED_BYTES_MAX, FRAME_BYTES, LONG_FRAME_BYTES};
use super::memcached::is_memcached;
use super::spanning::SPAN;
use crate::node::{Link, Mail, NodeCore};
use crate::peers::Peers;

/// The flag of a command about all that the asked node leads.
pub(super) const WHOLE_NODE: u8 = 1;
/// As that, and the last argument names the partitions that the asker takes the node for the leader of (2 bytes each, little endian): where it does not
/// lead one of them, nothing is done.
pub(super) const WHOLE_NODE_OF: u8 = 32;

/// The flags of a command that waits at several places: it runs, and is kept if it finds nothing; it is kept and not run; it is kept no more, and
/// the one argument is the slot (2 bytes, little endian).
pub(super) const PART: u8 = 4;
pub(super) const KEEP: u8 = 8;
pub(super) const END: u8 = 16;

/// What this core has for clients of each other node.
#[derive(Default)]
pub(crate) struct Foreign {
    /// A node's place does not change. One's own has one too: for what comes back because it leads by now.
    pub(crate) links: Vec<(u32, Link)>,
    /// Questions of other nodes about all that this one leads: who asked, and the number.
    questions: BTreeMap<Ticket, (u32, u64)>,
    /// Long answers so far.
    long: u32,
    /// What is offered to commands that wait here, and to which node.
    pub(super) offers: Vec<(u32, ForwardedReply<'static>)>,
}

/// A command of another node's client, on its way to the core that runs it.
#[derive(Debug)]
pub(crate) enum ForeignCommand {
    /// It runs.
    Run(CommandHead, Vec<Vec<u8>>),
    /// It is kept and does not run.
    Keep(CommandHead, Vec<Vec<u8>>),
    /// It is kept no more.
    End(ConnectionId),
}

impl Foreign {
    fn place_of(&mut self, node: u32) -> usize {
        self.find(node).unwrap_or_else(|| {
            self.links.push((node, Link::default()));
            self.links.len() - 1
        })
    }

    /// A node's place, if it has one.
    pub(super) fn find(&self, node: u32) -> Option<usize> {
        self.links.iter().position(|(other, _)| *other == node)
    }

    /// The node at a place.
    pub(super) fn node_of(&self, place: usize) -> u32 {
        self.links[place].0
    }

    pub(super) fn link(&mut self, place: usize) -> &mut Link {
        &mut self.links[place].1
    }
}

impl NodeCore {
    /// Commands of a peer's clients, for partitions that this node leads, as far as the peer knows.
    pub(crate) fn take_forwarded(&mut self, node: u32, forwarded: Forwarded<'_>) {
        let mut for_others: BTreeMap<u16, Vec<ForeignCommand>> = BTreeMap::new();
        for command in forwarded.commands {
            let words: Vec<&[u8]> = command.arguments.iter().map(AsRef::as_ref).collect();
            if command.flags == WHOLE_NODE {
                self.begin_question(node, &command, &words, &[]);
                continue;
            }
            if command.flags == WHOLE_NODE_OF {
                let (led, words) =
                    words.split_last().map_or((&[][..], &words[..]), |(led, rest)| (led, rest));
                let (led, _) = led.as_chunks();
                let led: Vec<_> =
                    led.iter().map(|&it| PartitionId(u16::from_le_bytes(it))).collect();
                self.begin_question(node, &command, words, &led);
                continue;
            }
            if command.flags == SPAN {
                self.take_span(node, &command);
                continue;
            }
            if command.flags == END {
                let Some(core) = self.core_of_end(&words) else { continue };
                let end = ForeignCommand::End(origin_of(command.request));
                if core == self.index {
                    self.take_foreign(node, vec![end]);
                } else {
                    for_others.entry(core).or_default().push(end);
                }
                continue;
            }
            let is_kept = command.flags == KEEP;
            match self.place_foreign(&command, &words) {
                Ok((core, head)) if core == self.index && !is_kept => {
                    self.run_foreign(node, head, &words);
                }
                Ok((core, head)) => {
                    let arguments = words.into_iter().map(<[u8]>::to_vec).collect();
                    let kind = if is_kept { ForeignCommand::Keep } else { ForeignCommand::Run };
                    if core == self.index {
                        self.take_foreign(node, vec![kind(head, arguments)]);
                    } else {
                        for_others.entry(core).or_default().push(kind(head, arguments));
                    }
                }
                Err(sentence) => {
                    let answer = Answer::Refused { sentence: sentence.into() };
                    self.send_answers(
                        node,
                        vec![ForwardedReply { request: command.request, answer }],
                    );
                }
            }
        }
        for (core, commands) in for_others {
            self.links[usize::from(core)].backlog.push_back(Mail::Foreign(node, commands));
        }
    }

    /// Commands that came to another core of this node.
    pub(crate) fn take_foreign(&mut self, node: u32, commands: Vec<ForeignCommand>) {
        for command in commands {
            match command {
                ForeignCommand::Run(head, arguments) => {
                    let words: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
                    self.run_foreign(node, head, &words);
                }
                ForeignCommand::Keep(head, arguments) => {
                    let words: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
                    let from = self.place_number(node);
                    self.keep_source(from, head, &words);
                }
                ForeignCommand::End(connection) => {
                    let from = self.place_number(node);
                    self.end_wait_of(from, connection, Ending::Gone);
                }
            }
        }
    }

    /// What stands for a node where cores and nodes are counted together.
    fn place_number(&mut self, node: u32) -> u16 {
        let place = self.foreign.place_of(node);
        u16::try_from(self.links.len() + place).expect("cores and nodes are few")
    }

    /// The core that keeps a command which is to be kept no more.
    fn core_of_end(&self, words: &[&[u8]]) -> Option<u16> {
        let slot = words.first().and_then(|bytes| bytes.first_chunk());
        let map = self.engine.map();
        let partition = map.partition_of(u16::from_le_bytes(*slot?).min(SLOTS - 1));
        Some(map.owner(partition).0)
    }

    /// Runs a command; its answer leaves when the log has released it.
    pub(super) fn run_foreign(&mut self, node: u32, head: CommandHead, words: &[&[u8]]) {
        let from = self.place_number(node);
        self.run_or_park(from, head, words);
    }

    /// A command about all that this node leads: its answer comes when all cores have given their part.
    fn begin_question(
        &mut self,
        node: u32,
        command: &ForwardedCommand<'_>,
        words: &[&[u8]],
        led: &[PartitionId],
    ) {
        let spec = words.first().and_then(|name| find(name).or_else(|| find_memcached(name)));
        let gather = spec.filter(|spec| spec.admits(words.len())).and_then(|spec| match spec.run {
            Run::Every(gather) => Some(gather),
            Run::Scan if check(Gather::Scan, words).is_ok() => Some(Gather::Scan),
            _ => None,
        });
        let Some(gather) = gather.filter(|_| command.database < DATABASES) else {
            let sentence = "ERR another node does not know this command".into();
            let answer = Answer::Refused { sentence };
            return self
                .send_answers(node, vec![ForwardedReply { request: command.request, answer }]);
        };
        self.tickets_given += 1;
        let ticket = Ticket(self.tickets_given);
        self.foreign.questions.insert(ticket, (node, command.request));
        let arguments: Vec<Vec<u8>> = words.iter().map(|word| word.to_vec()).collect();
        let database = DatabaseId(command.database);
        if gather == Gather::Scan {
            self.engine.begin_scan(ticket, database, arguments, true);
        } else {
            self.engine.begin_gather_of(ticket, (gather, database), &arguments, led);
        }
    }

    /// Takes the answer to a question of another node; gives it back when it is none.
    pub(super) fn answer_question(&mut self, ticket: Ticket, answer: Gathered) -> Option<Gathered> {
        let Some((node, request)) = self.foreign.questions.remove(&ticket) else {
            return Some(answer);
        };
        let mut resp = Vec::new();
        let mut writer = super::replies::Replies::new(&mut resp, Protocol::Resp2);
        write_answer(answer, self.draw(), &mut writer);
        let answer = if resp.len() > FORWARDED_BYTES_MAX {
            let sentence = "ERR the answer is too long to be carried between nodes; ask each node";
            Answer::Refused { sentence: sentence.into() }
        } else {
            Answer::Done { resp: resp.into() }
        };
        self.send_answers(node, vec![ForwardedReply { request, answer }]);
        None
    }

    /// The core that holds the command's keys.
    ///
    /// Errors: what the client is told, when it cannot be run for another node at all.
    fn place_foreign(
        &self,
        command: &ForwardedCommand<'_>,
        words: &[&[u8]],
    ) -> Result<(u16, CommandHead), String> {
        let spec = words.first().and_then(|name| find(name));
        let spec = spec.filter(|spec| {
            let is_carried = matches!(spec.run, Run::Key(_) | Run::Keys { .. } | Run::Scan);
            spec.admits(words.len()) && is_carried
        });
        let Some(spec) = spec else {
            return Err("ERR the node that has the key does not know this command".to_owned());
        };
        if command.database >= DATABASES {
            return Err("ERR the node that has the key has no such database".to_owned());
        }
        let map = self.engine.map();
        let scanned = || words.get(1).and_then(|cursor| parse_cursor(cursor));
        let scanned =
            matches!(spec.run, Run::Scan).then(scanned).flatten().map(ScanCursor::partition);
        let mut partitions = keys_of(spec, words).map(|at| map.partition_of(slot_of(words[at])));
        let Some(partition) = scanned.or_else(|| partitions.next()) else {
            return Err("ERR a command without a key is not carried to another node".to_owned());
        };
        if partition.0 >= map.partitions() || partitions.any(|other| other != partition) {
            return Err("CROSSSLOT Keys in request don't hash to the same slot".to_owned());
        }
        let arguments = u32::try_from(words.len() - 1).expect("arguments are counted in 32 bits");
        let head = CommandHead {
            connection: origin_of(command.request),
            is_silent: false,
            spec,
            database: DatabaseId(command.database),
            protocol: match command.protocol {
                _ if is_memcached(spec) => Protocol::Memcached,
                3 => Protocol::Resp3,
                _ => Protocol::Resp2,
            },
            arguments,
            slot: key_slot(spec, words),
            from_replica: false,
            no_touch: false,
            tracks: false,
            is_small: words[0].first().is_some_and(u8::is_ascii_lowercase),
            is_part: matches!(command.flags, PART | KEEP),
        };
        Ok((map.owner(partition).0, head))
    }

    /// Sends the answers that the log has released.
    pub(crate) fn send_foreign_answers(&mut self) {
        let released = self.engine.released_position();
        let mut ready = Vec::new();
        for (node, link) in &mut self.foreign.links {
            link.close(released, &mut self.spare_parcels);
            ready.extend(link.backlog.drain(..).map(|mail| (*node, mail)));
        }
        for (node, mail) in ready {
            let Mail::Parcel(parcel) = mail else { continue };
            let mut replies = Vec::with_capacity(parcel.replies.heads.len());
            self.answers_of(&parcel.replies, &mut replies);
            self.send_answers(node, replies);
            self.spare_parcels.keep(parcel);
        }
        let mut by_node: BTreeMap<u32, Vec<ForwardedReply<'static>>> = BTreeMap::new();
        for (node, offer) in std::mem::take(&mut self.foreign.offers) {
            by_node.entry(node).or_default().push(offer);
        }
        for (node, offers) in by_node {
            self.send_answers(node, offers);
        }
    }

    fn answers_of<'a>(&self, batch: &'a ReplyBatch, replies: &mut Vec<ForwardedReply<'a>>) {
        let mut rest = batch.bytes.as_slice();
        let mut elsewhere = batch.elsewhere.iter().peekable();
        let mut still = batch.still.iter().peekable();
        let mut fixed = batch.fixed.iter().peekable();
        for (number, head) in batch.heads.iter().enumerate() {
            let bytes = rest.split_off(..head.length).expect("a batch holds what its heads name");
            let moved = elsewhere.next_if(|(of, _)| *of == number);
            let is_still = still.next_if(|(of, _)| *of == number).is_some();
            let words = fixed.next_if(|(of, _)| *of == number).map(|(_, words)| words);
            let answer = if batch.is_lost {
                Answer::Lost
            } else if is_still {
                let words = words.into_iter().flatten();
                Answer::Still { words: words.map(|word| word.as_slice().into()).collect() }
            } else if let Some(&(_, slot)) = moved {
                Answer::Moved { slot, node: self.leader_of(slot).unwrap_or(0), core: 0 }
            } else if bytes.len() > FORWARDED_BYTES_MAX {
                let sentence = format!(
                    "ERR the answer of {} bytes is too long to be carried between nodes; ask the node that serves the key",
                    bytes.len()
                );
                Answer::Refused { sentence: sentence.into() }
            } else {
                Answer::Done { resp: bytes.into() }
            };
            replies.push(ForwardedReply { request: request_number(head.connection), answer });
        }
    }

    /// Sends answers in frames; where the link has no room or is down, the asking node gives them up in time.
    fn send_answers(&mut self, node: u32, replies: Vec<ForwardedReply<'_>>) {
        if self.is_own_node(node) {
            return self.own_answers.extend(replies.into_iter().map(owned));
        }
        let Some(peers) = &mut self.peers else { return };
        let (long, short): (Vec<_>, Vec<_>) =
            replies.into_iter().partition(|reply| length_of(&reply.answer) > LONG_FRAME_BYTES);
        for reply in long {
            self.foreign.long = self.foreign.long.wrapping_add(1);
            send_long(peers, node, self.foreign.long, reply);
        }
        let mut frame = Replies::default();
        let mut bytes = 0;
        for reply in short {
            bytes += length_of(&reply.answer);
            frame.replies.push(reply);
            if bytes > FRAME_BYTES {
                send(peers, node, &std::mem::take(&mut frame));
                bytes = 0;
            }
        }
        if !frame.replies.is_empty() {
            send(peers, node, &frame);
        }
    }
}

fn send(peers: &mut Peers, node: u32, frame: &Replies<'_>) {
    peers.queue(node, |out| {
        if let Err(error) = frame.encode(out) {
            tracing::error!("answers for node {node} do not fit: {error}");
        }
    });
}

fn send_long(peers: &mut Peers, node: u32, number: u32, reply: ForwardedReply<'_>) {
    let request = reply.request;
    let frame = Replies { replies: vec![reply] };
    let is_taken = peers.queue_long(node, (Kind::Replies, number), || {
        let mut body = Vec::new();
        frame.encode_body(&mut body).is_ok().then_some(body)
    });
    if !is_taken {
        let sentence =
            "TRYAGAIN too many long answers are on their way between nodes; send it again";
        let answer = Answer::Refused { sentence: sentence.into() };
        send(peers, node, &Replies { replies: vec![ForwardedReply { request, answer }] });
    }
}

fn length_of(answer: &Answer<'_>) -> usize {
    match answer {
        Answer::Done { resp } => resp.len(),
        Answer::Refused { sentence } => sentence.len(),
        Answer::Still { words } => words.iter().map(|word| word.len()).sum(),
        Answer::Moved { .. } | Answer::Lost | Answer::Offer { .. } => 0,
    }
}

pub(super) fn owned(reply: ForwardedReply<'_>) -> ForwardedReply<'static> {
    let answer = match reply.answer {
        Answer::Done { resp } => Answer::Done { resp: resp.into_owned().into() },
        Answer::Refused { sentence } => Answer::Refused { sentence: sentence.into_owned().into() },
        Answer::Moved { slot, node, core } => Answer::Moved { slot, node, core },
        Answer::Lost => Answer::Lost,
        Answer::Still { words } => Answer::Still {
            words: words.into_iter().map(|word| word.into_owned().into()).collect(),
        },
        Answer::Offer { node, slot } => Answer::Offer { node, slot },
    };
    ForwardedReply { request: reply.request, answer }
}

/// A command's number as a connection: whose it is, and which of its commands.
fn origin_of(request: u64) -> ConnectionId {
    let [index, generation] = [request >> 32, request & u64::from(u32::MAX)]
        .map(|half| u32::try_from(half).expect("half of 64 bits"));
    ConnectionId { index, generation }
}

pub(super) fn request_number(origin: ConnectionId) -> u64 {
    u64::from(origin.index) << 32 | u64::from(origin.generation)
}
