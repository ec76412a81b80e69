//! Owns how parts of snapshots go to other nodes: as they are, or compressed on a side thread; `route.rs` says which.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use hyperion_cluster::config::BulkCompression;
use hyperion_engine::{SnapshotMail, SnapshotStep};
use hyperion_runtime::{ConnectionId, Keeper, Postbox};
use hyperion_wire::peer::{
    Body, BodyError, COMPRESSED_PROTOCOL, Kind, Message, RefusalCode, SnapshotChunk,
    encode_compressed,
};

use super::limits::BULK_JOBS_MAX;
use super::route::{BulkFigures, Route, UnderWay, Way};
use crate::node::{Io, NodeCore, Note};
use crate::packing::{Compressor, unpack};

/// A part that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Packed {
    pub(crate) node: u32,
    /// The frame.
    pub(crate) frame: Vec<u8>,
    transfer: u64,
    sequence: u64,
    /// The level in force, in a word; `auto` while both are tried.
    level: String,
}

/// A part that has come compressed.
#[derive(Debug)]
pub(crate) struct Unpacked {
    pub(crate) connection: ConnectionId,
    pub(crate) from: u32,
    /// The body, or why there is none, as a sentence.
    pub(crate) body: Result<Vec<u8>, String>,
}

type Job = Box<dyn FnOnce() + Send>;

/// The parts of one core on their way to other nodes, and compressed ones on their way in.
pub(crate) struct Bulk {
    routes: BTreeMap<u32, Route>,
    keeper: Arc<Keeper>,
    postbox: Postbox<Note>,
    /// Work that the side thread has no room for yet, in order.
    waiting: VecDeque<Job>,
}

impl Bulk {
    pub(crate) fn new(keeper: Arc<Keeper>, postbox: Postbox<Note>) -> Self {
        Self { routes: BTreeMap::new(), keeper, postbox, waiting: VecDeque::new() }
    }

    /// Takes a part for a node: gives it back when it is to be sent as it is, now.
    pub(crate) fn take(
        &mut self,
        mode: BulkCompression,
        (node, group, transfer, sequence): (u32, u32, u64, u64),
        bytes: Vec<u8>,
    ) -> Option<Vec<u8>> {
        let now = Instant::now();
        let route = self.routes.entry(node).or_default();
        let way = route.way(mode, now);
        let plain_bytes = bytes.len() as u64;
        route.plain_bytes += plain_bytes;
        let sent_bytes = if way == Way::Raw { plain_bytes } else { 0 };
        route.under_way.push_back(UnderWay {
            transfer,
            sequence,
            way,
            plain_bytes,
            sent_bytes,
            since: now,
        });
        // A peer that is gone acknowledges nothing.
        if route.under_way.len() > BULK_JOBS_MAX {
            route.under_way.pop_front();
        }
        if way == Way::Raw && route.packing == 0 {
            route.sent_bytes += plain_bytes;
            return Some(bytes);
        }
        route.packing += 1;
        let (compressor, postbox) = (Arc::clone(&route.compressor), self.postbox.clone());
        let packs = (way != Way::Raw).then_some(mode == BulkCompression::Always);
        let goal = route.goal();
        self.run(Box::new(move || {
            let mut compressor = compressor.lock().unwrap_or_else(PoisonError::into_inner);
            compressor.aim(goal);
            let part = SnapshotChunk::new(transfer, group, sequence, &bytes);
            let mut frame = Vec::new();
            let is_packed = packs
                .is_some_and(|always| pack(&mut compressor, always, &part, &mut frame).is_ok());
            if !is_packed && let Err(error) = part.encode(&mut frame) {
                tracing::error!("a snapshot for node {node} does not fit: {error}");
            }
            let level = compressor.level();
            post(&postbox, Note::Packed(Packed { node, frame, transfer, sequence, level }));
        }));
        None
    }

    /// The side thread is done with a part.
    pub(crate) fn packed(&mut self, packed: &Packed) {
        let Some(route) = self.routes.get_mut(&packed.node) else { return };
        route.packing = route.packing.saturating_sub(1);
        let sent_bytes = packed.frame.len() as u64;
        route.sent_bytes += sent_bytes;
        let (transfer, sequence) = (packed.transfer, packed.sequence);
        let is_it = |it: &&mut UnderWay| it.transfer == transfer && it.sequence == sequence;
        if let Some(part) = route.under_way.iter_mut().find(is_it) {
            part.sent_bytes = sent_bytes;
            if part.way != Way::Raw {
                route.level.clone_from(&packed.level);
            }
        }
        self.go_on();
    }

    /// A node says what it has.
    pub(crate) fn note(&mut self, mail: &SnapshotMail) {
        if let (SnapshotStep::Ack(next), Some(route)) =
            (&mail.step, self.routes.get_mut(&mail.node))
        {
            route.acked(mail.transfer, *next, Instant::now());
        }
    }

    /// The link for bulk is gone, with what was on its way.
    pub(crate) fn lost(&mut self, node: u32) {
        if let Some(route) = self.routes.get_mut(&node) {
            route.under_way.clear();
            route.acked = None;
        }
    }

    /// A compressed part has come.
    ///
    /// Errors: more come than any correct peer sends.
    pub(crate) fn unpack(
        &mut self,
        connection: ConnectionId,
        from: u32,
        body: Vec<u8>,
    ) -> Result<(), String> {
        if self.waiting.len() >= BULK_JOBS_MAX {
            return Err("more compressed parts of snapshots come than were asked for".to_owned());
        }
        let postbox = self.postbox.clone();
        self.run(Box::new(move || {
            let body = unpack(&body, Kind::SnapshotChunk.bytes_max() as usize)
                .map_err(|error| error.to_string());
            post(&postbox, Note::Unpacked(Unpacked { connection, from, body }));
        }));
        Ok(())
    }

    pub(crate) fn figures(&self, mode: BulkCompression) -> Vec<BulkFigures> {
        self.routes.iter().map(|(node, route)| route.figures(*node, mode)).collect()
    }

    fn run(&mut self, job: Job) {
        self.waiting.push_back(job);
        self.go_on();
    }

    /// Gives the side thread what it has room for.
    pub(crate) fn go_on(&mut self) {
        while let Some(job) = self.waiting.pop_front() {
            if let Err(hyperion_runtime::Busy(job)) = self.keeper.run(job) {
                return self.waiting.push_front(job);
            }
        }
    }
}

impl NodeCore {
    /// How parts of snapshots go to a node: what it does not understand is not sent.
    pub(crate) fn bulk_mode(&self, node: u32) -> BulkCompression {
        let protocol = self.peers.as_ref().and_then(|peers| peers.protocol(node)).unwrap_or(0);
        if protocol < COMPRESSED_PROTOCOL {
            BulkCompression::Never
        } else {
            self.config.settings().compression.bulk
        }
    }

    /// A compressed frame has come: it goes on when it is unpacked.
    ///
    /// Errors: why the link is closed.
    pub(super) fn take_compressed(
        &mut self,
        connection: ConnectionId,
        from: u32,
        body: &[u8],
    ) -> Result<(), String> {
        let (Some(peers), bulk) = (&self.peers, &mut self.bulk) else { return Ok(()) };
        if !peers.may_compress(connection) {
            return Err("a compressed frame on a link that knows none; update the node".to_owned());
        }
        bulk.unpack(connection, from, body.to_vec())
    }

    /// The side thread is done with a part of a peer.
    pub(crate) fn peer_unpacked(&mut self, io: &mut Io, unpacked: Unpacked) {
        let Unpacked { connection, from, body } = unpacked;
        if !self.peers.as_ref().is_some_and(|peers| peers.holds(connection)) {
            return;
        }
        let kind = Kind::SnapshotChunk;
        let result = body.and_then(|body| match Message::decode_body(kind, &body) {
            Ok(message) => {
                self.peer_message(io, connection, from, message);
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        });
        if let Err(why) = result {
            self.refuse_peer(io, connection, RefusalCode::BadFrame, &why);
        }
        self.bulk.go_on();
    }

    /// The side thread is done with a part for a peer.
    pub(crate) fn part_packed(&mut self, packed: &Packed) {
        let (Some(peers), bulk) = (&mut self.peers, &mut self.bulk) else { return };
        bulk.packed(packed);
        peers.queue_bulk(packed.node, |out| out.extend_from_slice(&packed.frame));
    }
}

/// Appends the frame of a compressed part.
///
/// Errors: it would not shrink, or it is none.
fn pack(
    compressor: &mut Compressor,
    always: bool,
    part: &SnapshotChunk<'_>,
    frame: &mut Vec<u8>,
) -> Result<(), BodyError> {
    let mut body = Vec::new();
    part.encode_body(&mut body)?;
    let packed = if always { compressor.pack_always(&body) } else { compressor.pack(&body) };
    let packed = packed.ok_or(BodyError::Compressed { kind: Kind::SnapshotChunk })?;
    encode_compressed(Kind::SnapshotChunk, packed, frame)
}

/// A full box is emptied within a turn; a core that takes no notes is about to end.
fn post(postbox: &Postbox<Note>, mut note: Note) {
    for _ in 0..1_000 {
        match postbox.post(note) {
            Ok(()) => return,
            Err(back) => note = back,
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
