//! Owns the bytes of steps, and of the hidden records that are made of the same parts.
//!
//! A step: id (node u32, core u16, start u16, count u64), partition u16, kind u8, and what the kind has. Lists and byte strings begin with
//! their length, u32; what may be absent begins with 0 or 1, a value with 0 (none) or its form, 1 to 3. Little endian.

use super::mail::{SpanId, SpanMail, SpanStep};
use crate::effect::{OwnedWrite, Want, Wanted};
use crate::lock::LockKey;
use hyperion_model::limits::DATABASES;
use hyperion_model::{DatabaseId, PartitionId};
use hyperion_store::{Form, OwnedContent};

/// Writes parts, one behind the other.
#[derive(Default)]
pub(super) struct Writer(pub(super) Vec<u8>);

impl Writer {
    pub(super) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn count(&mut self, count: usize) {
        let count = u32::try_from(count).expect("what is sent is far below 4 GiB");
        self.0.extend_from_slice(&count.to_le_bytes());
    }

    /// None: 0; else its form, 1 to 3, and its bytes.
    fn content(&mut self, content: Option<&OwnedContent>) {
        let form = content.map_or(0, |content| match content.form {
            Form::String => 1,
            Form::Packed => 2,
            Form::Chunked => 3,
        });
        self.byte(form);
        content.iter().for_each(|content| self.bytes(&content.bytes));
    }

    fn expiry(&mut self, expiry_ms: Option<u64>) {
        self.byte(u8::from(expiry_ms.is_some()));
        self.0.extend(expiry_ms.iter().flat_map(|at_ms| at_ms.to_le_bytes()));
    }

    pub(super) fn id(&mut self, id: SpanId) {
        self.0.extend_from_slice(&id.node.to_le_bytes());
        self.0.extend_from_slice(&id.core.to_le_bytes());
        self.0.extend_from_slice(&id.start.to_le_bytes());
        self.0.extend_from_slice(&id.count.to_le_bytes());
    }

    pub(super) fn partition(&mut self, partition: PartitionId) {
        self.0.extend_from_slice(&partition.0.to_le_bytes());
    }

    pub(super) fn partitions(&mut self, partitions: impl ExactSizeIterator<Item = PartitionId>) {
        self.count(partitions.len());
        partitions.for_each(|partition| self.partition(partition));
    }

    fn keys(&mut self, keys: &[LockKey]) {
        self.count(keys.len());
        for (database, key) in keys {
            self.byte(database.0);
            self.bytes(key);
        }
    }

    pub(super) fn writes(&mut self, writes: &[OwnedWrite]) {
        self.count(writes.len());
        for write in writes {
            self.byte(write.database.0);
            self.bytes(&write.key);
            self.content(write.value.as_ref());
            self.expiry(write.expiry_ms);
        }
    }
}

/// Reads parts; every length is checked before it is used.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        self.0.split_off(..count)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn flag(&mut self) -> Option<bool> {
        self.byte().and_then(|byte| (byte < 2).then_some(byte == 1))
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let count = usize::try_from(u32::from_le_bytes(self.array()?)).ok()?;
        self.take(count).map(<[u8]>::to_vec)
    }

    /// The length of a list whose elements have one byte at least.
    fn count(&mut self) -> Option<usize> {
        let count = usize::try_from(u32::from_le_bytes(self.array()?)).ok()?;
        (count <= self.0.len()).then_some(count)
    }

    fn expiry(&mut self) -> Option<Option<u64>> {
        Some(if self.flag()? { Some(u64::from_le_bytes(self.array()?)) } else { None })
    }

    /// What is there may be no value of its form: see [`hyperion_store::Content::is_sound`].
    fn content(&mut self) -> Option<Option<OwnedContent>> {
        let form = match self.byte()? {
            0 => return Some(None),
            1 => Form::String,
            2 => Form::Packed,
            3 => Form::Chunked,
            _ => return None,
        };
        let content = OwnedContent { form, bytes: self.bytes()? };
        content.as_ref().is_sound(usize::MAX).then_some(Some(content))
    }

    fn database(&mut self) -> Option<DatabaseId> {
        self.byte().filter(|&number| number < DATABASES).map(DatabaseId)
    }

    pub(super) fn id(&mut self) -> Option<SpanId> {
        Some(SpanId {
            node: u32::from_le_bytes(self.array()?),
            core: u16::from_le_bytes(self.array()?),
            start: u16::from_le_bytes(self.array()?),
            count: u64::from_le_bytes(self.array()?),
        })
    }

    pub(super) fn partition(&mut self) -> Option<PartitionId> {
        self.array().map(u16::from_le_bytes).map(PartitionId)
    }

    pub(super) fn partitions(&mut self) -> Option<Vec<PartitionId>> {
        let count = self.count()?;
        (0..count).map(|_| self.partition()).collect()
    }

    pub(super) fn writes(&mut self) -> Option<Vec<OwnedWrite>> {
        let count = self.count()?;
        let mut write = || {
            let (database, key) = (self.database()?, self.bytes()?);
            let value = self.content()?;
            Some(OwnedWrite { database, key, value, expiry_ms: self.expiry()? })
        };
        (0..count).map(|_| write()).collect()
    }

    fn keys(&mut self) -> Option<Vec<LockKey>> {
        let count = self.count()?;
        (0..count).map(|_| Some((self.database()?, self.bytes()?))).collect()
    }

    fn found(&mut self) -> Option<Vec<Option<Wanted>>> {
        let count = self.count()?;
        let mut wanted = || {
            let Some(value) = self.content()? else { return Some(None) };
            Some(Some(Wanted { value, expiry_ms: self.expiry()? }))
        };
        (0..count).map(|_| wanted()).collect()
    }
}

impl Reader<'_> {
    fn versions(&mut self) -> Option<Vec<u64>> {
        let count = self.count()?;
        (0..count).map(|_| self.array().map(u64::from_le_bytes)).collect()
    }
}

const WANTS: [Want; 6] =
    [Want::Nothing, Want::Presence, Want::Use, Want::Value, Want::Whole, Want::Watch];

impl SpanMail {
    /// Its bytes.
    ///
    /// # Panics
    /// When a part of it has 4 GiB or more.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.id(self.id);
        writer.partition(self.partition);
        match &self.step {
            SpanStep::Lock { keys, want } => {
                let want = WANTS.iter().position(|one| one == want).expect("all are listed");
                writer.byte(1);
                writer.byte(u8::try_from(want).expect("a few"));
                writer.keys(keys);
            }
            SpanStep::Check => writer.byte(2),
            SpanStep::Prepare { decision, writes } => {
                writer.byte(3);
                writer.partition(*decision);
                writer.writes(writes);
            }
            SpanStep::Decide { others, writes } => {
                writer.byte(4);
                writer.partitions(others.iter().copied());
                writer.writes(writes);
            }
            SpanStep::Abort => writer.byte(5),
            SpanStep::Commit { decision } => {
                writer.byte(6);
                writer.partition(*decision);
            }
            SpanStep::Committed { by } => {
                writer.byte(7);
                writer.partition(*by);
            }
            SpanStep::Ask { asker } => {
                writer.byte(8);
                writer.partition(*asker);
            }
            SpanStep::Aborted => writer.byte(9),
            SpanStep::Locked { found, versions } => {
                writer.byte(if versions.is_empty() { 10 } else { 14 });
                writer.count(found.len());
                for wanted in found {
                    writer.content(wanted.as_ref().map(|wanted| &wanted.value));
                    wanted.iter().for_each(|wanted| writer.expiry(wanted.expiry_ms));
                }
                if !versions.is_empty() {
                    writer.count(versions.len());
                    versions.iter().for_each(|it| writer.0.extend_from_slice(&it.to_le_bytes()));
                }
            }
            SpanStep::Done => writer.byte(11),
            SpanStep::Refused { error } => {
                writer.byte(12);
                writer.byte(u8::from(error.is_some()));
                if let Some(error) = error {
                    writer.bytes(error.as_bytes());
                }
            }
            SpanStep::Lost => writer.byte(13),
            SpanStep::Unwatch { keys } => {
                writer.byte(15);
                writer.keys(keys);
            }
        }
        writer.0
    }

    /// Reads a step; `None`: the bytes are none.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (id, partition) = (reader.id()?, reader.partition()?);
        let step = match reader.byte()? {
            1 => {
                let want = *WANTS.get(usize::from(reader.byte()?))?;
                SpanStep::Lock { keys: reader.keys()?, want }
            }
            2 => SpanStep::Check,
            3 => SpanStep::Prepare { decision: reader.partition()?, writes: reader.writes()? },
            4 => SpanStep::Decide { others: reader.partitions()?, writes: reader.writes()? },
            5 => SpanStep::Abort,
            6 => SpanStep::Commit { decision: reader.partition()? },
            7 => SpanStep::Committed { by: reader.partition()? },
            8 => SpanStep::Ask { asker: reader.partition()? },
            9 => SpanStep::Aborted,
            10 => SpanStep::Locked { found: reader.found()?, versions: Vec::new() },
            14 => SpanStep::Locked { found: reader.found()?, versions: reader.versions()? },
            11 => SpanStep::Done,
            12 => {
                let error = if reader.flag()? { Some(reader.bytes()?) } else { None };
                let error = error.map(String::from_utf8).transpose().ok()?;
                SpanStep::Refused { error }
            }
            13 => SpanStep::Lost,
            15 => SpanStep::Unwatch { keys: reader.keys()? },
            _ => return None,
        };
        reader.0.is_empty().then_some(Self { id, partition, step })
    }
}
