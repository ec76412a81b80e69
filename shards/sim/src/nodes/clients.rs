//! Owns what clients do: each sends one command after the other to who leads, believes what it is told, and gives up after a while.

use super::commands::{Command, Told};
use super::core::Place;
use super::words::SPAN_KEYS;
use super::world::{Event, World};
use super::{Lean, MS, Violation};
use crate::history::{Answer, Held, KeyId, Operation, ValueId};
use crate::random::mix;
use crate::replies;
use hyperion_model::{PartitionId, slot_of};

/// Commands about one partition in one run.
const COMMANDS_MAX: usize = 400;
/// How long one partition is asked for more often than the others.
const HOT_NS: u64 = 1_500 * MS;
/// Keys of a partition by their use.
pub(super) const REGISTERS: [KeyId; 2] = [0, 1];
const COUNTER: KeyId = 2;
pub(super) const TEXT: KeyId = 3;
/// Those with a history.
pub(super) const CHECKED: [KeyId; 4] = [REGISTERS[0], REGISTERS[1], COUNTER, TEXT];
/// Written often, for logs to grow; its copies are compared, its history is not kept.
const FILLER: KeyId = 4;

/// What is to be done with a command's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// It belongs to this place in the ledger.
    Checked(usize),
    /// A replica told it: it must be some earlier value.
    OfReplica,
    /// Nothing.
    Filler,
}

/// A command that a client waits for.
#[derive(Clone, Debug)]
pub(super) struct Busy {
    pub(super) partition: usize,
    purpose: Purpose,
    operation: Operation,
    /// Where it was sent last, and the try's name.
    at: Place,
    attempt: u64,
    began_ns: u64,
}

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) busy: Option<Busy>,
    /// The node that leads each partition, as it believes.
    leaders: Vec<Option<usize>>,
}

impl Client {
    /// One that knows nobody of so many ledgers.
    pub(super) fn new(ledgers: usize) -> Self {
        Self { busy: None, leaders: vec![None; ledgers] }
    }

    /// The try that it waits for, if that was sent to this node.
    pub(super) fn waits_for(&self, node: usize) -> Option<u64> {
        self.busy.as_ref().filter(|busy| busy.at.node == node).map(|busy| busy.attempt)
    }
}

impl World {
    pub(super) fn client_of(&self, attempt: u64) -> usize {
        usize::try_from(attempt).expect("tries are few") % self.clients.len()
    }

    /// A client goes on.
    pub(super) fn act(&mut self, client: usize) {
        if !self.is_busy || self.clients[client].busy.is_some() {
            return;
        }
        if self.settings.lean == Lean::Spans && self.random.chance(700) {
            return self.ask_span(client);
        }
        let partitions = usize::from(self.settings.partitions);
        let any = self.random.index(partitions);
        // Most are about the same partition for a while: it is there that they meet.
        let hot_parts = if self.settings.lean == Lean::Leaders { 1_000 } else { 600 };
        let partition = if self.random.chance(hot_parts) { self.hot() } else { any };
        if self.random.chance(self.weather.filler_parts) {
            let held = Held { value: self.any_value(), expiry_ms: None };
            return self.begin(client, partition, Operation::Set(FILLER, held), Purpose::Filler);
        }
        if self.ledgers[partition].len() >= COMMANDS_MAX {
            return self.act_later(client);
        }
        if self.random.chance(80) {
            let key = REGISTERS[self.random.index(2)];
            return self.begin(client, partition, Operation::Get(key), Purpose::OfReplica);
        }
        let operation = self.any_operation();
        let operation = self.more_reads(operation);
        self.ask(client, partition, operation);
    }

    /// A client asks for keys that lie in several partitions.
    fn ask_span(&mut self, client: usize) {
        let partitions = usize::from(self.settings.partitions);
        let ledger = partitions + self.random.index(self.ledgers.len() - partitions);
        if self.ledgers[ledger].len() >= COMMANDS_MAX {
            return self.act_later(client);
        }
        let count = usize::from(SPAN_KEYS);
        let mut keys: Vec<KeyId> = (0..count).collect();
        keys.rotate_left(self.random.index(count));
        keys.truncate(2 + self.random.index(count - 1));
        let operation = match self.random.below(100) {
            0..35 => Operation::SetAll(keys.iter().map(|&key| (key, self.any_value())).collect()),
            35..42 => {
                Operation::SetAllAbsent(keys.iter().map(|&key| (key, self.any_value())).collect())
            }
            42..70 => Operation::GetAll(keys),
            70..78 => Operation::Delete(keys),
            78..86 => Operation::Rename(keys[0], keys[1]),
            86..90 => Operation::Set(keys[0], self.any_held()),
            _ => Operation::Get(keys[0]),
        };
        self.ask(client, ledger, operation);
    }

    /// The partition that is asked for most.
    pub(super) fn hot(&self) -> usize {
        let partitions = usize::from(self.settings.partitions);
        usize::try_from(self.now_ns / HOT_NS).expect("runs are short") % partitions
    }

    fn act_later(&mut self, client: usize) {
        let after_ns = self.random.below(2 * self.weather.rest_ns);
        self.push(self.now_ns + after_ns, Event::Act(client));
    }

    /// A client begins to ask for something that is checked.
    pub(super) fn ask(&mut self, client: usize, partition: usize, operation: Operation) {
        let place = self.ledgers[partition].call(operation.clone(), self.now_ns);
        self.begin(client, partition, operation, Purpose::Checked(place));
    }

    fn begin(&mut self, client: usize, partition: usize, operation: Operation, purpose: Purpose) {
        let (at, began_ns) = (Place { node: 0, core: 0 }, self.now_ns);
        let busy = Busy { partition, purpose, operation, at, attempt: 0, began_ns };
        self.clients[client].busy = Some(busy);
        self.try_node(client, None);
    }

    /// Sends what the client wants to the node that it believes in.
    fn try_node(&mut self, client: usize, hint: Option<usize>) {
        let any = self.random.index(self.nodes.len());
        let core = self.random.index(usize::from(self.settings.cores));
        let clients = self.clients.len() as u64;
        self.attempts += 1;
        let attempt = self.attempts * clients + client as u64;
        let Client { busy, leaders } = &mut self.clients[client];
        let Some(busy) = busy else { return };
        let from_replica = busy.purpose == Purpose::OfReplica;
        let node = hint.or(leaders[busy.partition].filter(|_| !from_replica)).unwrap_or(any);
        let core = core % usize::from(self.nodes[node].core_count);
        busy.at = Place { node, core };
        busy.attempt = attempt;
        let (at, operation, partition) = (busy.at, busy.operation.clone(), busy.partition);
        let words = self.words(partition, &operation);
        self.note(&words.iter().flatten().map(|&byte| u64::from(byte)).collect::<Vec<_>>());
        self.say(|_| {
            let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
            format!(
                "client {client}, try {attempt}, to node {}: {words:?}, partition {partition}",
                node + 1
            )
        });
        let command = Command { attempt, home: core, words, from_replica };
        let after_ns = MS / 20 + self.random.below(MS);
        self.push(self.now_ns + after_ns, Event::Request { at, command });
        let patience_ns = 150 * MS + self.random.below(1_500 * MS);
        self.push(self.now_ns + patience_ns, Event::Impatient { client, attempt });
    }

    /// A client hears something.
    pub(super) fn told(
        &mut self,
        client: usize,
        attempt: u64,
        told: Told,
    ) -> Result<(), Violation> {
        let Some(busy) = self.clients[client].busy.clone() else { return Ok(()) };
        if busy.attempt != attempt {
            return Ok(());
        }
        self.say(|_| format!("client {client}, try {attempt}, is told {told:?}"));
        match told {
            Told::Words(words) => {
                let answer = replies::read(&words, &mut self.values)
                    .map_err(|error| format!("{error}, to {:?}", busy.operation))?;
                let answer = match (&busy.operation, answer) {
                    // HSETEX has done it.
                    (Operation::Set(..), Answer::Integer(1)) => Answer::Ok,
                    (_, answer) => answer,
                };
                self.clients[client].leaders[busy.partition] = Some(busy.at.node);
                self.answered(client, &busy, answer)?;
            }
            Told::Moved(hint) => {
                self.report.moved += 1;
                self.clients[client].leaders[busy.partition] = hint;
                let is_late = self.now_ns > busy.began_ns + 5_000 * MS;
                if is_late || busy.purpose != Purpose::OfReplica && self.random.chance(10) {
                    // Nobody has carried it out.
                    self.end(client, &busy, true);
                    return Ok(());
                }
                let after_ns = if hint.is_some() { MS } else { 20 * MS };
                let busy = self.clients[client].busy.as_mut().expect("looked at above");
                busy.attempt = 0;
                let at_ns = self.now_ns + after_ns;
                self.push(at_ns, Event::Impatient { client, attempt: 0 });
            }
            Told::Closed => {
                self.clients[client].leaders[busy.partition] = None;
                self.end(client, &busy, false);
            }
        }
        Ok(())
    }

    /// A client has waited long enough: it closes its connection, and tries again what was carried out nowhere.
    pub(super) fn give_up(&mut self, client: usize, attempt: u64) {
        let Some(busy) = self.clients[client].busy.clone() else { return };
        if busy.attempt != attempt {
            return;
        }
        if attempt == 0 {
            let hint = self.clients[client].leaders[busy.partition];
            return self.try_node(client, hint);
        }
        let life = self.nodes[busy.at.node].life;
        let after_ns = self.random.below(MS);
        self.push(self.now_ns + after_ns, Event::Gone { at: busy.at, life, attempt });
        self.clients[client].leaders[busy.partition] = None;
        self.end(client, &busy, false);
    }

    fn answered(&mut self, client: usize, busy: &Busy, answer: Answer) -> Result<(), Violation> {
        self.report.answers += 1;
        let is_span = busy.partition >= usize::from(self.settings.partitions);
        self.report.spans += u64::from(is_span && answer != Answer::Refused);
        let sum = match &answer {
            Answer::Values(values) => {
                values.iter().fold(7, |sum, value| mix(sum ^ value.map_or(0, u64::from)))
            }
            Answer::Integer(number) => number.unsigned_abs(),
            _ => 1,
        };
        self.note(&[self.now_ns, client as u64, sum]);
        let ledger = &mut self.ledgers[busy.partition];
        match (busy.purpose, &answer) {
            (Purpose::Checked(place), _) => {
                let is_gone = answer == Answer::Values(vec![None]);
                ledger.answer(place, answer, self.now_ns);
                if is_gone {
                    self.found_gone(busy.at.node);
                }
            }
            (Purpose::Filler, _) => {}
            (Purpose::OfReplica, Answer::Values(seen)) => {
                self.report.replica_reads += 1;
                for &value in seen.iter().flatten() {
                    if !ledger.saw(value, self.now_ns) {
                        let value = String::from_utf8_lossy(self.values.bytes(value)).into_owned();
                        return Err(format!("a replica told {value:?}, which nobody has written"));
                    }
                }
            }
            (Purpose::OfReplica, answer) => {
                return Err(format!("a replica answered {answer:?} to a read"));
            }
        }
        self.clients[client].busy = None;
        self.act_later(client);
        Ok(())
    }

    /// A command has no answer: whether it was carried out is not known, or it was not.
    fn end(&mut self, client: usize, busy: &Busy, is_void: bool) {
        if let Purpose::Checked(place) = busy.purpose {
            self.report.unknown += u64::from(!is_void);
            let reads = matches!(busy.operation, Operation::Get(_) | Operation::GetAll(_));
            if is_void || reads {
                self.ledgers[busy.partition].forget(place);
            }
        }
        self.clients[client].busy = None;
        self.act_later(client);
    }

    // ---- what they send

    fn any_operation(&mut self) -> Operation {
        let key = REGISTERS[self.random.index(2)];
        let operation = match self.random.below(100) {
            0..26 => Operation::Get(key),
            26..40 => Operation::Set(key, self.any_held()),
            40..52 => Operation::Increment(COUNTER),
            52..58 => Operation::Get(COUNTER),
            58..66 => {
                let value = self.any_value();
                Operation::Append(TEXT, value)
            }
            66..72 => Operation::Get(TEXT),
            72..80 => Operation::SetAll(self.any_pairs()),
            80..82 => Operation::SetAllAbsent(self.any_pairs()),
            82..92 => Operation::GetAll(REGISTERS.to_vec()),
            92..95 => Operation::Delete(vec![key]),
            95..97 => Operation::Delete(REGISTERS.to_vec()),
            97..98 => Operation::Delete(vec![TEXT]),
            _ => Operation::Rename(REGISTERS[0], REGISTERS[1]),
        };
        match operation {
            // Fields of hashes have no such commands.
            Operation::Rename(..) if self.settings.collections => {
                Operation::GetAll(REGISTERS.to_vec())
            }
            Operation::SetAllAbsent(all) if self.settings.collections => Operation::SetAll(all),
            other => other,
        }
    }

    fn any_pairs(&mut self) -> Vec<(KeyId, ValueId)> {
        REGISTERS.iter().map(|&key| (key, self.any_value())).collect()
    }

    /// What a key is set to, for good or for a while. How long does not come from the stream of the seed, which older seeds draw from.
    fn any_held(&mut self) -> Held {
        let value = self.any_value();
        let drawn = mix(self.seed ^ u64::from(value) << 32);
        let expires = self.settings.expires && !drawn.is_multiple_of(3);
        Held { value, expiry_ms: expires.then(|| 30 + drawn / 3 % 800) }
    }

    /// A value that there was never before.
    pub(super) fn any_value(&mut self) -> ValueId {
        self.values_made += 1;
        let mut value = format!("v{};", self.values_made).into_bytes();
        let length =
            if self.random.chance(100) { self.random.index(self.weather.bytes) } else { 0 };
        value.resize(value.len() + length, b'.');
        self.values.id(&value)
    }

    /// A ledger's name in sentences.
    pub(super) fn sentence(&self, ledger: usize, what: &str) -> Violation {
        match ledger.checked_sub(usize::from(self.settings.partitions)) {
            None => format!("partition {ledger}: {what}"),
            Some(set) => format!("set {set} of keys of several partitions: {what}"),
        }
    }

    pub(super) fn lies_in(&self, partition: PartitionId, key: &[u8]) -> bool {
        self.map.partition_of(slot_of(key)) == partition
    }

    pub(super) fn keys_of(&self, partition: usize) -> &[Vec<u8>] {
        &self.names[partition]
    }
}
