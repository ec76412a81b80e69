//! Owns what cores send each other for clients: the commands of a turn, and the answers to those of earlier ones.

use std::mem;

use hyperion_engine::Request;
use hyperion_engine::command::{CommandSpec, Wait};
use hyperion_model::DatabaseId;
use hyperion_runtime::ConnectionId;
use hyperion_wire::Protocol;

use super::client::Client;
use super::limits::{PARCEL_KEEP_BYTES, PARCEL_KEEP_COMMANDS, PARCELS_SPARE_MAX};
use super::replies::Later;
use crate::tracking::Invalid;

/// One command in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CommandHead {
    pub(crate) connection: ConnectionId,
    /// Its answer is dropped.
    pub(crate) is_silent: bool,
    pub(crate) spec: &'static CommandSpec,
    pub(crate) database: DatabaseId,
    pub(crate) protocol: Protocol,
    /// Arguments behind the name.
    pub(crate) arguments: u32,
    /// The slot of its key, if it has one key.
    pub(crate) slot: Option<u16>,
    /// It reads, and its client takes what a replica says.
    pub(crate) from_replica: bool,
    /// What it reads does not count as used.
    pub(crate) no_touch: bool,
    /// Its client keeps copies of what it reads.
    pub(crate) tracks: bool,
    /// Its name came in small letters; else it is told in capitals, as most clients send it.
    pub(crate) is_small: bool,
    /// It waits for any of several keys, and is run for those of the core that it comes to.
    pub(crate) is_part: bool,
}

impl CommandHead {
    /// The head of a client's command.
    pub(crate) fn of(client: &Client, request: &Request<'_>) -> Self {
        let arguments = request.arguments.len() - 1;
        Self {
            connection: client.connection,
            is_silent: client.is_silent(),
            spec: request.spec,
            database: request.database,
            protocol: client.session.protocol,
            arguments: u32::try_from(arguments).expect("arguments are counted in 32 bits"),
            slot: request.slot,
            from_replica: request.from_replica,
            no_touch: client.session.no_touch,
            tracks: client.wants_read(),
            is_small: request.arguments[0].first().is_some_and(u8::is_ascii_lowercase),
            is_part: false,
        }
    }
}

/// The commands that one core has for another in one turn.
#[derive(Debug, Default)]
pub(crate) struct CommandBatch {
    pub(crate) heads: Vec<CommandHead>,
    /// Length of each argument.
    pub(crate) lengths: Vec<u32>,
    /// The arguments, one after the other.
    pub(crate) bytes: Vec<u8>,
}

impl CommandBatch {
    /// Adds a command; `arguments[0]` is its name, which stays here.
    pub(crate) fn push(&mut self, head: CommandHead, arguments: &[&[u8]]) {
        self.heads.push(head);
        for argument in &arguments[1..] {
            self.lengths.push(u32::try_from(argument.len()).expect("arguments are below 4 GiB"));
            self.bytes.extend_from_slice(argument);
        }
    }
}

impl CommandBatch {
    /// Each command with its first argument, which most have as their key.
    pub(crate) fn ahead(&self) -> impl Iterator<Item = (&CommandHead, &[u8])> {
        let (mut lengths, mut at) = (self.lengths.as_slice(), 0);
        self.heads.iter().map(move |head| {
            let (own, rest) = lengths.split_at(head.arguments as usize);
            lengths = rest;
            let start = at;
            at += own.iter().map(|&length| length as usize).sum::<usize>();
            let key =
                own.first().map_or(&[][..], |&length| &self.bytes[start..start + length as usize]);
            (head, key)
        })
    }
}

/// One answer in a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyHead {
    pub(crate) connection: ConnectionId,
    pub(crate) length: usize,
}

/// The answers that one core has for another's clients.
#[derive(Debug, Default)]
pub(crate) struct ReplyBatch {
    pub(crate) heads: Vec<ReplyHead>,
    pub(crate) bytes: Vec<u8>,
    /// The highest position that one of them observed of the answering core's log.
    pub(crate) observed: u64,
    /// Answers that go on with a long string: the answer's place among the heads, and the string at the core that answers.
    pub(crate) later: Vec<(usize, Later)>,
    /// Commands of other nodes' clients that another node serves: the answer's place among the heads, and the slot.
    pub(crate) elsewhere: Vec<(usize, u16)>,
    /// What the receiver's clients have read, in these answers or in earlier ones, and has changed.
    pub(crate) invalid: Vec<Invalid>,
    /// Commands that found nothing and wait on: the answer's place among the heads, and for what.
    pub(crate) still: Vec<(usize, Wait)>,
    /// And as what some of these wait on from now on, where words that they came with stood for something of that moment.
    pub(crate) fixed: Vec<(usize, Vec<Vec<u8>>)>,
    /// What they observed may never take effect: the clients' connections are to end.
    pub(crate) is_lost: bool,
}

impl ReplyBatch {
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty() && self.invalid.is_empty()
    }
}

/// What one core has for another's clients and about its own, in one turn.
#[derive(Debug, Default)]
pub(crate) struct Parcel {
    pub(crate) commands: CommandBatch,
    pub(crate) replies: ReplyBatch,
    /// Empty ones on the way back to a core that sends more parcels than it gets.
    #[expect(clippy::vec_box, reason = "mail carries the box itself")]
    empties: Vec<Box<Parcel>>,
}

impl Parcel {
    pub(crate) fn is_empty(&self) -> bool {
        self.commands.heads.is_empty() && self.replies.is_empty()
    }

    /// Empties it; what grew beyond what a turn mostly needs is given back.
    fn clear(&mut self) {
        let Self { commands, replies, empties } = self;
        assert!(empties.is_empty(), "{} empty parcels were not unpacked", empties.len());
        commands.heads.clear();
        commands.heads.shrink_to(PARCEL_KEEP_COMMANDS);
        commands.lengths.clear();
        commands.lengths.shrink_to(2 * PARCEL_KEEP_COMMANDS);
        commands.bytes.clear();
        commands.bytes.shrink_to(PARCEL_KEEP_BYTES);
        replies.heads.clear();
        replies.heads.shrink_to(PARCEL_KEEP_COMMANDS);
        replies.bytes.clear();
        replies.bytes.shrink_to(PARCEL_KEEP_BYTES);
        replies.observed = 0;
        replies.is_lost = false;
        replies.later.clear();
        replies.elsewhere.clear();
        replies.invalid.clear();
        replies.still.clear();
        replies.fixed.clear();
    }
}

/// Empty parcels with their allocations: who has unpacked one sends it again with other contents, and what a core has too many of
/// goes back with the next one, so that in the long run nothing is allocated.
#[derive(Debug, Default)]
pub(crate) struct SpareParcels {
    #[expect(clippy::vec_box, reason = "mail carries the box itself")]
    parcels: Vec<Box<Parcel>>,
}

impl SpareParcels {
    /// An empty parcel in the place of `open`, which is to be sent; with it goes what is too much here.
    pub(crate) fn exchange(&mut self, open: &mut Box<Parcel>) -> Box<Parcel> {
        let mut parcel = mem::replace(open, self.take());
        if self.parcels.len() > PARCELS_SPARE_MAX / 2 {
            parcel.empties.extend(self.parcels.drain(PARCELS_SPARE_MAX / 2..));
        }
        parcel
    }

    /// An empty parcel.
    pub(crate) fn take(&mut self) -> Box<Parcel> {
        self.parcels.pop().unwrap_or_default()
    }

    /// Keeps a parcel that has been unpacked, and the empty ones in it, if there are not too many.
    pub(crate) fn keep(&mut self, mut parcel: Box<Parcel>) {
        let room = PARCELS_SPARE_MAX.saturating_sub(self.parcels.len());
        self.parcels.extend(parcel.empties.drain(..).take(room));
        if self.parcels.len() < PARCELS_SPARE_MAX {
            parcel.clear();
            self.parcels.push(parcel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_comes_back_empty_with_its_room_and_no_more_than_that() {
        let mut spare = SpareParcels::default();
        let mut parcel = spare.take();
        assert!(parcel.is_empty());
        parcel.commands.lengths.extend([1, 2]);
        parcel.commands.bytes.extend_from_slice(b"abc");
        parcel.replies.bytes.resize(4 * PARCEL_KEEP_BYTES, 7);
        parcel.replies.heads.push(ReplyHead {
            connection: ConnectionId { index: 1, generation: 2 },
            length: 4 * PARCEL_KEEP_BYTES,
        });
        parcel.replies.observed = 9;
        assert!(!parcel.is_empty());
        let small = parcel.commands.bytes.as_ptr();
        spare.keep(parcel);
        let parcel = spare.take();
        assert!(parcel.is_empty());
        assert!(parcel.commands.lengths.is_empty() && parcel.commands.bytes.is_empty());
        assert_eq!((parcel.replies.bytes.len(), parcel.replies.observed), (0, 0));
        assert_eq!(parcel.commands.bytes.as_ptr(), small, "the allocation is used again");
        assert!(parcel.replies.bytes.capacity() <= 2 * PARCEL_KEEP_BYTES);
        (0..2 * PARCELS_SPARE_MAX).for_each(|_| spare.keep(Box::default()));
        assert_eq!(spare.parcels.len(), PARCELS_SPARE_MAX);
    }

    #[test]
    fn who_sends_more_parcels_than_it_gets_has_them_back() {
        let (mut often, mut seldom) = (SpareParcels::default(), SpareParcels::default());
        let (mut from_often, mut from_seldom) = (Box::default(), Box::default());
        let mut made = 0;
        for _ in 0..1_000 {
            for _ in 0..3 {
                made += usize::from(often.parcels.is_empty());
                seldom.keep(often.exchange(&mut from_often));
            }
            made += usize::from(seldom.parcels.is_empty());
            often.keep(seldom.exchange(&mut from_seldom));
        }
        assert!(made <= PARCELS_SPARE_MAX, "{made} parcels were made for 4000 that were sent");
    }
}
