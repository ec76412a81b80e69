//! Owns WAIT and WAITAOF: how many other nodes have what was written before.

use hyperion_engine::Marks;
use hyperion_engine::Ticket;
use hyperion_model::number::parse_integer;

use super::super::client::{Client, Hold};
use super::super::execute::Progress;
use super::super::limits::BACKLOG_BATCHES_MAX;
use super::asks::{After, Asker, FrontAsk, FrontPart};
use super::limits::{COPY_WAIT_MS_MAX, COPY_WAITS_MAX, DURABLE_WAIT_MS};
use super::run::{Carried, not_integer};
use crate::config::Durability;
use crate::node::{Io, Mail, NodeCore};

/// What is never synced would be waited for without end.
const NEVER_DURABLE: &str =
    "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";

/// What a core looks for, for a client of its own or of another core.
#[derive(Debug)]
pub(crate) struct CopyWait {
    asker: u16,
    ticket: Ticket,
    wanted: CopiesWanted,
    marks: Marks,
    /// How far the log was.
    position: u64,
    until_ns: u64,
}

/// What a client waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CopiesWanted {
    /// Other nodes.
    others: u32,
    /// It must be on stable storage, here and there.
    durable: Option<Durable>,
    timeout_ms: u64,
}

/// WAITAOF's first word: whether this node's storage is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Durable {
    here: bool,
}

impl NodeCore {
    /// WAIT nodes timeout.
    pub(super) fn wait_copies(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        words: &[&[u8]],
    ) -> Carried {
        // Less than none is none.
        let others = parse_integer(words[1]).ok_or_else(not_integer)?.max(0);
        let others = u32::try_from(others).unwrap_or(u32::MAX);
        let wanted = CopiesWanted { others, durable: None, timeout_ms: timeout(words[2])? };
        self.ask_copies(io, client, wanted, Asker::default())
    }

    /// WAITAOF 0|1 nodes timeout.
    pub(super) fn wait_durable(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        words: &[&[u8]],
    ) -> Carried {
        let here = match parse_integer(words[1]).ok_or_else(not_integer)? {
            0 => false,
            1 => true,
            _ => return Err("ERR value is out of range, value must between 0 and 1".to_owned()),
        };
        let others = parse_integer(words[2]).and_then(|others| u32::try_from(others).ok());
        let others = others.ok_or("ERR value is out of range, must be positive")?;
        let durable = Some(Durable { here });
        let wanted = CopiesWanted { others, durable, timeout_ms: timeout(words[3])? };
        if here && self.config.settings().durability == Durability::Never {
            return Err(NEVER_DURABLE.to_owned());
        }
        let asker = Asker { wants_pair: true, ..Asker::default() };
        self.ask_copies(io, client, wanted, asker)
    }

    /// OK when all that was written before is on stable storage here.
    pub(super) fn agree_when_durable(&mut self, io: &mut Io, client: &mut Client) -> Carried {
        let durable = Some(Durable { here: true });
        let wanted = CopiesWanted { others: 0, durable, timeout_ms: DURABLE_WAIT_MS };
        let asker = Asker { after: After::WhenDurable, ..Asker::default() };
        self.ask_copies(io, client, wanted, asker)
    }

    fn ask_copies(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        wanted: CopiesWanted,
        asker: Asker,
    ) -> Carried {
        // What was written before must have been executed before.
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Ok(Progress::Held);
        }
        if self.links.iter().any(|link| link.backlog.len() >= BACKLOG_BATCHES_MAX) {
            self.hold_again(client);
            return Ok(Progress::Held);
        }
        if self.copy_waits.len() >= COPY_WAITS_MAX {
            return Err(format!(
                "ERR more than {COPY_WAITS_MAX} clients wait for copies; try again"
            ));
        }
        let ticket = self.fresh_ticket(client);
        self.asks.insert(ticket, (self.links.len(), vec![FrontPart::Asker(asker)]));
        let own = usize::from(self.index);
        for (core, link) in self.links.iter_mut().enumerate() {
            if core != own {
                link.backlog.push_back(Mail::Ask(ticket, FrontAsk::Copies(wanted)));
            }
        }
        self.begin_copy_wait(io, self.index, ticket, wanted);
        Ok(Progress::Ran)
    }

    /// Looks from now on for copies of what this core has written, for a client of `asker`.
    pub(crate) fn begin_copy_wait(
        &mut self,
        io: &mut Io,
        asker: u16,
        ticket: Ticket,
        wanted: CopiesWanted,
    ) {
        // Without an end it is told after long: the client may have gone meanwhile.
        let timeout_ms = if wanted.timeout_ms == 0 {
            COPY_WAIT_MS_MAX
        } else {
            wanted.timeout_ms.min(COPY_WAIT_MS_MAX)
        };
        let until_ns = io.now_ns().saturating_add(timeout_ms * 1_000_000);
        let position = self.engine.store().appended_position();
        let marks = self.engine.marks();
        self.copy_waits.push(CopyWait { asker, ticket, wanted, marks, position, until_ns });
        // The client itself is out of the table while its command runs: the next turn looks.
        io.wake_again();
    }

    /// Tells those whose copies are there, or whose time is up.
    pub(crate) fn look_for_copies(&mut self, io: &mut Io) {
        if self.copy_waits.is_empty() {
            return;
        }
        let is_always = self.config.settings().durability == Durability::Always;
        let durable = self.engine.store().durable_position();
        let now_ns = io.now_ns();
        let mut done = Vec::new();
        let unled = self.copies_unled();
        let engine = &self.engine;
        let room = self.links.iter().all(|link| link.backlog.len() < BACKLOG_BATCHES_MAX);
        self.copy_waits.retain(|wait| {
            let found = engine.copies(&wait.marks).or(unled);
            // What others have acknowledged is on their disks with `always` alone.
            let others =
                if wait.wanted.durable.is_some() && !is_always { found.map(|_| 0) } else { found };
            let is_durable = durable >= wait.position;
            // Alone there is nobody to wait for.
            let has_others = others.is_none_or(|others| others >= wait.wanted.others);
            let has_here = wait.wanted.durable.is_none_or(|durable| !durable.here || is_durable);
            let is_late = now_ns >= wait.until_ns;
            let is_done = room && (has_others && has_here || is_late);
            if is_done {
                done.push((wait.asker, wait.ticket, others, is_durable));
            }
            !is_done
        });
        for (asker, ticket, others, is_durable) in done {
            let part = FrontPart::Copies(others, is_durable);
            if asker == self.index {
                self.ask_part(io, ticket, part);
            } else {
                self.links[usize::from(asker)].backlog.push_back(Mail::Part(ticket, part));
            }
        }
    }
}

impl NodeCore {
    /// Other nodes that have for certain what was answered before, where this one leads nothing and cannot tell: a majority had it, and as many of
    /// that count as are reached. Nothing where this node is alone, or one of its cores can tell.
    fn copies_unled(&self) -> Option<u32> {
        let view = self.view.as_ref()?;
        if view.partitions.iter().any(|partition| partition.leader == Some(view.own)) {
            return None;
        }
        let copies = self.config.config.replication;
        // A node that keeps logs alone may be the one that makes the majority.
        let has_log = copies.is_multiple_of(2) && view.nodes.iter().any(|node| node.is_log_only);
        let certain = (copies / 2).saturating_sub(u32::from(has_log));
        let others = view.nodes.iter().enumerate().filter(|(at, _)| *at != view.own);
        let reached = others.filter(|(_, node)| node.is_up && !node.is_log_only).count();
        Some(certain.min(u32::try_from(reached).unwrap_or(u32::MAX)))
    }
}

fn timeout(word: &[u8]) -> Result<u64, String> {
    let number = parse_integer(word).ok_or("ERR timeout is not an integer or out of range")?;
    u64::try_from(number).map_err(|_| "ERR timeout is negative".to_owned())
}
