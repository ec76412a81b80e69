//! Owns questions about all clients of the node: each core answers its part, the asking core puts them together.

use std::collections::BTreeSet;

use hyperion_model::{DatabaseId, ReplyWriter};
use hyperion_runtime::ConnectionId;

use super::super::blocked::Ending;
use super::super::client::{Client, Hold};
use super::super::execute::Progress;
use super::super::limits::BACKLOG_BATCHES_MAX;
use super::super::observe::{
    Events, Pause, Refusal, Slow, join_events, merge_refusals, write_refusals, write_slow,
};
use super::client_filter::ClientFilter;
use super::client_line::{Whereabouts, client_line};
use super::copies::CopiesWanted;
use super::latency::Look;
use crate::node::{Io, Mail, NodeCore};
use crate::tracking::{Options, Target};
use hyperion_engine::Ticket;

/// A question to every core.
#[derive(Clone, Debug)]
pub(crate) enum FrontAsk {
    /// The lines about these clients.
    ClientList(ClientFilter),
    /// Close these clients and count them.
    ClientKill(ClientFilter),
    /// End the wait of the client with this number.
    ClientUnblock(u64, Ending),
    /// Set the counters to zero.
    ResetStatistics,
    /// Tell what was refused.
    Refusals,
    /// Forget it.
    ForgetRefusals,
    /// The newest slow commands, so many at most; how many there are; forget them.
    Slow(usize),
    SlowCount,
    ForgetSlow,
    /// What took long; forget these of it, or all.
    Events,
    ForgetEvents(Vec<String>),
    /// A client of this core watches.
    Watch(u16),
    /// Commands wait until then, Unix ms; those that write or all.
    Pause(u64, bool),
    /// They wait no more.
    Unpause,
    /// Expired keys go by themselves, or when somebody looks.
    ExpireActively(bool),
    /// The line about a key of a database.
    DebugObject(DatabaseId, Vec<u8>),
    /// Put the figures of now on the board.
    ShowFigures,
    /// Count the keys of a slot.
    SlotCount(u16),
    /// Tell keys of a slot, so many at most.
    SlotKeys(u16, usize),
    /// Say where the client of this number is.
    Find(u64),
    /// Say when other nodes have what this core has written.
    Copies(CopiesWanted),
}

/// One core's answer.
#[derive(Debug)]
pub(crate) enum FrontPart {
    /// Clients' numbers and lines.
    Lines(Vec<(u64, String)>),
    /// Clients that were closed, or keys.
    Count(u64),
    /// Keys.
    Keys(Vec<Vec<u8>>),
    /// Other nodes that have what this core wrote (none when it leads nothing), and whether it is on stable storage here.
    Copies(Option<u32>, bool),
    /// What was refused.
    Refusals(Vec<Refusal>),
    /// Slow commands.
    Slow(Vec<Slow>),
    /// What took long.
    Events(Events),
    /// Names of what was forgotten.
    Names(Vec<&'static str>),
    /// Where a client is, if it is one of this core's.
    Place(Option<Target>),
    /// It is done.
    Done,
    /// Not an answer: what the asking core keeps for the end.
    Asker(Asker),
}

/// What the asking core keeps until all parts are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asker {
    /// The older form of CLIENT KILL is answered by a word and not by a count.
    pub(super) wants_word: bool,
    /// The client asked for its own end.
    pub(super) closes: bool,
    /// WAITAOF is answered by two counts.
    pub(super) wants_pair: bool,
    /// What is to be made of the parts.
    pub(super) after: After,
}

/// What is to be made of the parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum After {
    /// The answer as it is.
    #[default]
    Write,
    /// The newest so many of a list.
    Newest(usize),
    /// A count, or this if it is more.
    AtMost(u64),
    /// The number of different names.
    Distinct,
    /// OK when all is on stable storage.
    WhenDurable,
    /// The line about a key, or that there is none.
    KeyLine,
    /// These sections of INFO, out of the figures.
    Info(Vec<Vec<u8>>),
    /// The histograms of these commands, out of the figures.
    Histogram(Vec<String>),
    /// MEMORY STATS and DOCTOR, out of the figures.
    MemoryStats,
    MemoryDoctor,
    /// Something of what took long.
    Look(Look),
    /// The choices of a client whose invalidations go to the one that is looked for.
    Track(Box<Options>),
}

/// All parts together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// Lines in the order of the clients' numbers.
    Text(String),
    Count(u64),
    Keys(Vec<Vec<u8>>),
    Copies(Option<u32>, bool),
    /// On stable storage here, and on so many other nodes.
    Pair(bool, u32),
    /// Where the client is.
    Place(Option<Target>),
    /// Whether the older form of CLIENT KILL found anybody.
    Found(bool),
    /// What was refused, the newest first.
    Refusals(Vec<Refusal>),
    /// So many of the slow commands.
    Slow(Vec<Slow>, usize),
    /// What took long.
    Events(Events),
    /// A line, if there is one.
    Line(Option<String>),
    /// Not all is on stable storage.
    NotDurable,
    Done,
}

impl NodeCore {
    /// Asks every core, and answers at once when this is the only one.
    pub(super) fn ask_all(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        ask: &FrontAsk,
        mut asker: Asker,
    ) -> Progress {
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        if self.links.iter().any(|link| link.backlog.len() >= BACKLOG_BATCHES_MAX) {
            self.hold_again(client);
            return Progress::Held;
        }
        let mut own = self.answer_ask(io, ask);
        // The client itself is out of the table while it runs.
        match (ask, &mut own) {
            (FrontAsk::ClientList(filter), FrontPart::Lines(lines)) => {
                let place = Whereabouts::of(io, client);
                if filter.fits(place.candidate(client)) {
                    lines.push((
                        client.number,
                        client_line(&place, client, self.databases, "client|list"),
                    ));
                }
            }
            (FrontAsk::ClientKill(filter), FrontPart::Count(count)) => {
                asker.closes = filter.fits(Whereabouts::of(io, client).candidate(client));
                *count += u64::from(asker.closes);
            }
            (FrontAsk::Find(number), FrontPart::Place(place)) if *number == client.number => {
                *place = Some(self.place_of(client));
            }
            _ => {}
        }
        let parts = vec![FrontPart::Asker(asker), own];
        let others = self.links.len() - 1;
        if others == 0 {
            self.tell(io, client, parts);
            return Progress::Ran;
        }
        let ticket = self.fresh_ticket(client);
        let own_index = usize::from(self.index);
        for (core, link) in self.links.iter_mut().enumerate() {
            if core != own_index {
                link.backlog.push_back(Mail::Ask(ticket, ask.clone()));
            }
        }
        self.asks.insert(ticket, (others, parts));
        Progress::Ran
    }

    /// This core's part of a question about clients, without a client that is just running.
    pub(crate) fn answer_ask(&mut self, io: &mut Io, ask: &FrontAsk) -> FrontPart {
        match ask {
            FrontAsk::ClientList(filter) => {
                let lines = self.clients.iter().filter_map(|client| {
                    let place = Whereabouts::of(io, client);
                    let line =
                        || client_line(&place, client, self.databases, client.session.last_command);
                    filter.fits(place.candidate(client)).then(|| (client.number, line()))
                });
                FrontPart::Lines(lines.collect())
            }
            FrontAsk::ClientKill(filter) => {
                let meant: Vec<ConnectionId> = self
                    .clients
                    .iter()
                    .filter(|client| filter.fits(Whereabouts::of(io, client).candidate(client)))
                    .map(|client| client.connection)
                    .collect();
                for &connection in &meant {
                    if let Some(mut client) = self.clients.take(connection) {
                        client.is_closing = true;
                        self.end_wait(&mut client, Ending::Gone);
                        self.clients.put_back(client);
                    }
                    io.close(connection);
                }
                FrontPart::Count(meant.len() as u64)
            }
            FrontAsk::ClientUnblock(number, ending) => {
                FrontPart::Count(u64::from(self.unblock_client(*number, *ending)))
            }
            FrontAsk::Find(number) => {
                let found = self.clients.iter().find(|client| client.number == *number);
                FrontPart::Place(found.map(|client| self.place_of(client)))
            }
            FrontAsk::SlotCount(slot) => {
                let mut count = 0;
                self.visit_slot(*slot, |_| {
                    count += 1;
                    true
                });
                FrontPart::Count(count)
            }
            FrontAsk::SlotKeys(slot, max) => {
                let mut keys = Vec::new();
                self.visit_slot(*slot, |key| {
                    if keys.len() < *max {
                        keys.push(key.to_vec());
                    }
                    keys.len() < *max
                });
                FrontPart::Keys(keys)
            }
            FrontAsk::Refusals => FrontPart::Refusals(self.observer.refusals.all()),
            FrontAsk::ForgetRefusals => {
                self.observer.refusals.clear();
                FrontPart::Done
            }
            FrontAsk::Slow(count) => FrontPart::Slow(self.observer.slow.newest(*count)),
            FrontAsk::SlowCount => FrontPart::Count(self.observer.slow.len() as u64),
            FrontAsk::ForgetSlow => {
                self.observer.slow.clear();
                FrontPart::Done
            }
            FrontAsk::Events => FrontPart::Events(self.observer.latencies.all()),
            FrontAsk::ForgetEvents(names) => {
                FrontPart::Names(self.observer.latencies.forget(names))
            }
            FrontAsk::Watch(core) => {
                self.observer.watch.count(usize::from(*core), true);
                FrontPart::Done
            }
            FrontAsk::Pause(until_ms, only_writes) => {
                self.observer.pause.begin(*until_ms, *only_writes);
                self.observer.is_paused = true;
                FrontPart::Done
            }
            FrontAsk::Unpause => {
                self.observer.pause = Pause::default();
                self.observer.is_paused = false;
                // They try again in the next turn.
                self.retried.append(&mut self.held);
                io.wake_again();
                FrontPart::Done
            }
            FrontAsk::ExpireActively(does) => {
                self.observer.keeps_expired = !does;
                FrontPart::Done
            }
            FrontAsk::DebugObject(database, key) => {
                let line = self.engine.debug_object(*database, key);
                FrontPart::Lines(line.into_iter().map(|line| (0, line)).collect())
            }
            FrontAsk::Copies(_) => panic!("it is answered when they are there"),
            FrontAsk::ResetStatistics | FrontAsk::ShowFigures => {
                if matches!(ask, FrontAsk::ResetStatistics) {
                    self.reset_statistics(io);
                }
                let figures = self.figures(io);
                self.shared.board.show(usize::from(self.index), figures);
                FrontPart::Done
            }
        }
    }

    fn place_of(&self, client: &Client) -> Target {
        Target { number: client.number, core: self.index, connection: client.connection }
    }

    /// A part came: when all are there, answers the client that asked.
    pub(crate) fn ask_part(&mut self, io: &mut Io, ticket: Ticket, part: FrontPart) {
        let Some((missing, parts)) = self.asks.get_mut(&ticket) else { return };
        parts.push(part);
        *missing -= 1;
        if *missing > 0 {
            return;
        }
        let Some((_, parts)) = self.asks.remove(&ticket) else { return };
        let Some(mut client) = self.client_of(ticket) else { return };
        self.tell(io, &mut client, parts);
        client.session.reply_mode = client.session.reply_mode.next();
        self.run_kept(io, &mut client);
        self.dirty(&mut client);
        self.clients.put_back(client);
    }

    fn tell(&mut self, io: &Io, client: &mut Client, parts: Vec<FrontPart>) {
        let (whole, asker) = put_together(parts);
        match (asker.after, whole) {
            (After::Info(sections), _) => self.tell_info(io, client, &sections),
            (After::Histogram(names), _) => self.tell_histogram(client, &names),
            (After::MemoryStats, _) => self.tell_memory_stats(client),
            (After::MemoryDoctor, _) => self.tell_memory_doctor(client),
            (After::Look(look), Whole::Events(events)) => {
                self.tell_events(io, client, &look, &events);
            }
            (After::Track(options), Whole::Place(place)) => {
                self.begin_tracking(client, *options, place);
            }
            (_, whole) => {
                let now_ms = io.now_unix_ms();
                self.answer(client, |reply| whole.write(now_ms, reply));
            }
        }
        if asker.closes {
            client.is_closing = true;
            self.dirty(client);
        }
    }
}

/// All parts as one answer, and what the asking core kept.
pub(super) fn put_together(parts: Vec<FrontPart>) -> (Whole, Asker) {
    let mut asker = Asker::default();
    let mut whole = Whole::Done;
    let mut all_lines: Vec<(u64, String)> = Vec::new();
    let mut names: BTreeSet<&'static str> = BTreeSet::new();
    for part in parts {
        match part {
            FrontPart::Asker(kept) => asker = kept,
            FrontPart::Lines(lines) => {
                all_lines.extend(lines);
                whole = Whole::Text(String::new());
            }
            FrontPart::Count(count) => {
                let before = if let Whole::Count(before) = whole { before } else { 0 };
                whole = Whole::Count(before + count);
            }
            FrontPart::Keys(keys) => {
                let mut before = if let Whole::Keys(before) = whole { before } else { Vec::new() };
                before.extend(keys);
                whole = Whole::Keys(before);
            }
            FrontPart::Copies(others, is_durable) => {
                let before = if let Whole::Copies(before, durable) = whole {
                    (before, durable)
                } else {
                    (None, true)
                };
                let fewest = before.0.into_iter().chain(others).min();
                whole = Whole::Copies(fewest, before.1 && is_durable);
            }
            FrontPart::Refusals(more) => {
                let mut before =
                    if let Whole::Refusals(before) = whole { before } else { Vec::new() };
                before.extend(more);
                whole = Whole::Refusals(before);
            }
            FrontPart::Slow(more) => {
                let mut before =
                    if let Whole::Slow(before, _) = whole { before } else { Vec::new() };
                before.extend(more);
                whole = Whole::Slow(before, usize::MAX);
            }
            FrontPart::Events(more) => {
                let mut before =
                    if let Whole::Events(before) = whole { before } else { Events::new() };
                join_events(&mut before, more);
                whole = Whole::Events(before);
            }
            FrontPart::Names(more) => names.extend(more),
            FrontPart::Place(place) => {
                let before = if let Whole::Place(before) = whole { before } else { None };
                whole = Whole::Place(before.or(place));
            }
            FrontPart::Done => {}
        }
    }
    let whole = match (&asker.after, whole) {
        (After::Newest(count), Whole::Refusals(all)) => {
            let mut all = merge_refusals(all);
            all.truncate(*count);
            Whole::Refusals(all)
        }
        (After::Newest(count), Whole::Slow(all, _)) => Whole::Slow(all, *count),
        (After::AtMost(max), Whole::Count(count)) => Whole::Count(count.min(*max)),
        (After::Distinct, _) => Whole::Count(names.len() as u64),
        (After::WhenDurable, Whole::Copies(_, true)) => Whole::Done,
        (After::WhenDurable, _) => Whole::NotDurable,
        (After::KeyLine, _) => Whole::Line(all_lines.first().map(|(_, line)| line.clone())),
        (_, whole) => whole,
    };
    let whole = match whole {
        Whole::Text(_) => {
            all_lines.sort_unstable_by_key(|(number, _)| *number);
            Whole::Text(all_lines.into_iter().map(|(_, line)| line).collect())
        }
        Whole::Copies(others, is_durable) if asker.wants_pair => {
            Whole::Pair(is_durable, others.unwrap_or(0))
        }
        Whole::Count(count) if asker.wants_word => Whole::Found(count > 0),
        other => other,
    };
    (whole, asker)
}

impl Whole {
    fn write(&self, now_ms: u64, reply: &mut dyn ReplyWriter) {
        match self {
            Self::Text(text) => reply.verbatim("txt", text.as_bytes()),
            Self::Count(count) => reply.integer(i64::try_from(*count).unwrap_or(i64::MAX)),
            Self::Keys(keys) => {
                reply.array(keys.len());
                keys.iter().for_each(|key| reply.bulk(key));
            }
            Self::Refusals(all) => write_refusals(all, now_ms, reply),
            Self::Slow(all, count) => write_slow(all.clone(), *count, reply),
            Self::Events(_) | Self::Line(None) => reply.error("ERR no such key"),
            Self::Line(Some(line)) => reply.simple(line),
            Self::NotDurable => {
                reply.error("ERR not all that was written is on stable storage yet; try again");
            }
            Self::Copies(others, _) => reply.integer(i64::from(others.unwrap_or(0))),
            Self::Pair(is_durable, others) => {
                reply.array(2);
                reply.integer(i64::from(*is_durable));
                reply.integer(i64::from(*others));
            }
            Self::Place(_) | Self::Found(true) | Self::Done => reply.simple("OK"),
            Self::Found(false) => reply.error("ERR No such client"),
        }
    }
}
