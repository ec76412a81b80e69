//! Owns how parts of snapshots go to other nodes: as they are, or compressed on a side thread, where that was measured to be faster.
//!
//! The first parts for a node go as they are, the next ones compressed, and from their acknowledgements follows which way is faster: by
//! then the link, the processors of both ends and whatever bounds moves have had their say.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyperion_cluster::config::BulkCompression;
use hyperion_engine::{SnapshotMail, SnapshotStep};
use hyperion_runtime::{ConnectionId, Keeper, Postbox};
use hyperion_wire::peer::{
    Body, BodyError, COMPRESSED_PROTOCOL, Kind, Message, RefusalCode, SnapshotChunk,
    encode_compressed,
};

use super::limits::{BULK_JOBS_MAX, TRIAL_AGAIN, TRIAL_BYTES, TRIAL_PAYS_PERCENT};
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

/// What was measured of one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measure {
    /// Bytes of records.
    plain_bytes: u64,
    /// Bytes of frames.
    sent_bytes: u64,
    time: Duration,
}

impl Measure {
    /// Bytes of records a second.
    fn rate(&self) -> u64 {
        let us = u64::try_from(self.time.as_micros()).unwrap_or(u64::MAX).max(1);
        self.plain_bytes.saturating_mul(1_000_000) / us
    }

    fn is_whole(&self) -> bool {
        self.plain_bytes >= TRIAL_BYTES
    }
}

/// What is known of the way to one node, for whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BulkFigures {
    pub(crate) node: u32,
    /// What is done, and why, as a few words.
    pub(crate) way: String,
    pub(crate) raw_bytes_a_second: u64,
    pub(crate) packed_bytes_a_second: u64,
    /// All parts so far: bytes of records, bytes of frames.
    pub(crate) plain_bytes: u64,
    pub(crate) sent_bytes: u64,
}

/// How a part goes, and what its acknowledgement tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Raw,
    /// Compressed at both levels: it tells which one pays, and nothing of the speed.
    Levels,
    Packed,
}

/// A part under way.
#[derive(Debug)]
struct UnderWay {
    transfer: u64,
    sequence: u64,
    way: Way,
    plain_bytes: u64,
    sent_bytes: u64,
    since: Instant,
}

/// What is known of the way to one node.
#[derive(Debug, Default)]
struct Route {
    raw: Measure,
    packed: Measure,
    /// Whether compressing pays, once that is known, and since when.
    chosen: Option<(bool, Instant)>,
    level: String,
    compressor: Arc<Mutex<Compressor>>,
    under_way: VecDeque<UnderWay>,
    acked: Option<Instant>,
    /// Parts on the side thread.
    packing: usize,
    plain_bytes: u64,
    sent_bytes: u64,
}

impl Route {
    /// How the next part goes.
    fn way(&mut self, mode: BulkCompression, now: Instant) -> Way {
        match mode {
            BulkCompression::Never => return Way::Raw,
            BulkCompression::Always => return Way::Packed,
            BulkCompression::Auto => {}
        }
        if self.chosen.is_some_and(|(_, since)| now.duration_since(since) > TRIAL_AGAIN) {
            (self.raw, self.packed, self.chosen) = (Measure::default(), Measure::default(), None);
            (self.compressor, self.level) = (Arc::default(), String::new());
        }
        match self.chosen {
            Some((true, _)) => Way::Packed,
            Some((false, _)) => Way::Raw,
            None if !self.raw.is_whole() => Way::Raw,
            None if self.level.is_empty() || self.level == "auto" => Way::Levels,
            None => Way::Packed,
        }
    }

    /// All parts of a transfer before `next` are there.
    fn acked(&mut self, transfer: u64, next: u64, now: Instant) {
        while let Some(at) =
            self.under_way.iter().position(|it| it.transfer == transfer && it.sequence < next)
        {
            let Some(part) = self.under_way.remove(at) else { return };
            let since = self.acked.map_or(part.since, |acked| acked.max(part.since));
            self.acked = Some(now);
            let measure = match part.way {
                Way::Raw => &mut self.raw,
                Way::Packed => &mut self.packed,
                Way::Levels => continue,
            };
            if self.chosen.is_none() {
                measure.plain_bytes += part.plain_bytes;
                measure.sent_bytes += part.sent_bytes;
                measure.time += now.duration_since(since);
            }
        }
        let does_not_shrink = self.level == "none";
        if self.chosen.is_none()
            && self.raw.is_whole()
            && (self.packed.is_whole() || does_not_shrink)
        {
            let pays =
                !does_not_shrink && self.packed.rate() > self.raw.rate() / 100 * TRIAL_PAYS_PERCENT;
            self.chosen = Some((pays, now));
        }
    }

    fn figures(&self, node: u32, mode: BulkCompression) -> BulkFigures {
        let way = match (mode, self.chosen) {
            (BulkCompression::Never, _) => "raw, as the config says".to_owned(),
            (BulkCompression::Always, _) => "brotli, as the config says".to_owned(),
            (_, None) => "being measured".to_owned(),
            (_, Some((true, _))) => {
                format!("brotli {}: faster than what is raw", self.level)
            }
            (_, Some(_)) if self.level == "none" => "raw: it would not shrink".to_owned(),
            (_, Some(_)) => "raw: brotli is not faster".to_owned(),
        };
        BulkFigures {
            node,
            way,
            raw_bytes_a_second: self.raw.rate(),
            packed_bytes_a_second: self.packed.rate(),
            plain_bytes: self.plain_bytes,
            sent_bytes: self.sent_bytes,
        }
    }
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
        self.run(Box::new(move || {
            let mut compressor = compressor.lock().unwrap_or_else(PoisonError::into_inner);
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

#[cfg(test)]
mod tests {
    use super::*;

    const PART: u64 = 128 << 10;

    /// Sends parts one after the other, each acknowledged after its time: the ways that they went.
    fn trial(route: &mut Route, parts: u64, level: &str, times: [Duration; 2]) -> Vec<Way> {
        let mut now = Instant::now();
        let mut ways = Vec::new();
        for sequence in 0..parts {
            let way = route.way(BulkCompression::Auto, now);
            ways.push(way);
            route.under_way.push_back(UnderWay {
                transfer: 1,
                sequence,
                way,
                plain_bytes: PART,
                sent_bytes: PART,
                since: now,
            });
            if way != Way::Raw {
                level.clone_into(&mut route.level);
            }
            now += if way == Way::Raw { times[0] } else { times[1] };
            route.acked(1, sequence + 1, now);
        }
        ways
    }

    #[test]
    fn what_is_faster_is_used() {
        let ms = Duration::from_millis;
        let whole = usize::try_from(TRIAL_BYTES / PART).expect("it is small");
        for (times, level, pays) in [
            ([ms(10), ms(5)], "1", true),
            ([ms(10), ms(10)], "1", false),
            ([ms(10), ms(20)], "4", false),
            ([ms(10), ms(1)], "none", false),
        ] {
            let mut route = Route::default();
            let ways = trial(&mut route, 100, level, times);
            assert!(ways[..whole].iter().all(|way| *way == Way::Raw), "{ways:?}");
            assert_eq!(ways[whole], Way::Levels, "{ways:?}");
            let expected = if pays { Way::Packed } else { Way::Raw };
            assert_eq!(ways[99], expected, "{times:?} {level}: {ways:?}");
            assert_eq!(route.way(BulkCompression::Always, Instant::now()), Way::Packed);
            assert_eq!(route.way(BulkCompression::Never, Instant::now()), Way::Raw);
            // Links and loads change: it is measured anew after a while.
            let later = Instant::now() + TRIAL_AGAIN * 2;
            assert_eq!(route.way(BulkCompression::Auto, later), Way::Raw);
            assert_eq!(route.chosen, None);
        }
    }

    #[test]
    fn parts_in_flight_together_share_their_time() {
        let mut route = Route::default();
        let begun = Instant::now();
        for sequence in 0..8 {
            route.under_way.push_back(UnderWay {
                transfer: 1,
                sequence,
                way: Way::Raw,
                plain_bytes: PART,
                sent_bytes: PART,
                since: begun,
            });
        }
        route.acked(2, 8, begun + Duration::from_secs(1));
        assert_eq!(route.raw, Measure::default(), "another transfer's");
        route.acked(1, 4, begun + Duration::from_millis(40));
        route.acked(1, 8, begun + Duration::from_millis(80));
        assert_eq!((route.raw.plain_bytes, route.raw.time), (8 * PART, Duration::from_millis(80)));
        assert_eq!(route.raw.rate(), 8 * PART * 1_000 / 80);
    }
}
