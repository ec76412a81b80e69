//! Owns giving a consumer of a group what it reads: new entries, or again what is pending for it.

use super::consumer::Consumer;
use super::error::StreamError;
use super::giving::Giving;
use super::group::Group;
use super::id::StreamId;
use super::pending::Pending;
use super::progress::Progress;
use super::{ENTRIES, Stream};
use crate::command::error::CommandError;

/// What a consumer wants of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// Entries that nobody of the group was given.
    New,
    /// Entries behind an id that are pending for it.
    Again(StreamId),
}

/// What it was given of one stream.
#[derive(Debug)]
pub(super) enum Given {
    /// Nothing, which is not told.
    Nothing,
    /// So many entries from an id on, one behind the other.
    Run(StreamId, usize),
    /// Entries of these ids, as far as they still are there.
    Each(Vec<StreamId>),
}

/// Who reads, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    pub(super) group: &'a [u8],
    pub(super) consumer: &'a [u8],
    pub(super) most: usize,
    pub(super) is_acknowledged: bool,
    pub(super) now_ms: u64,
}

impl Stream<'_, '_> {
    /// Gives the reader what it wants and commits that; tells whether the consumer is new. `None`: the group is not there.
    pub(super) fn give(
        mut self,
        reader: &Reader<'_>,
        wanted: Wanted,
    ) -> Result<Option<(Given, bool)>, CommandError> {
        let view = self.edit.view();
        let Some(mut group) = Group::find(&view, reader.group) else { return Ok(None) };
        let (mut consumer, is_new) =
            Consumer::find_or_new(&view, group.number, reader.consumer, reader.now_ms)
                .ok_or(StreamError::Said("the group has too many consumers"))?;
        consumer.seen_ms = reader.now_ms;
        let given = match wanted {
            Wanted::New => self.give_new(reader, &mut group, &mut consumer),
            Wanted::Again(behind) => self.give_again(reader, &group, &consumer, behind),
        };
        consumer.put(&mut self.edit, group.number);
        self.commit_groups()?;
        Ok(Some((given, is_new)))
    }

    fn give_new(
        &mut self,
        reader: &Reader<'_>,
        group: &mut Group,
        consumer: &mut Consumer,
    ) -> Given {
        let view = self.edit.view();
        let Some(start) = group.last_id.next() else { return Given::Nothing };
        let from = view.lower_bound(ENTRIES, &start.key());
        let entries = view.iter(ENTRIES, from).take(reader.most);
        let ids: Vec<StreamId> = entries.map(|(_, entry)| StreamId::from_key(&entry.key)).collect();
        let Some(&first) = ids.first() else { return Given::Nothing };
        let progress = Progress::new(&view, self.meta);
        ids.iter().for_each(|id| progress.deliver(group, *id));
        group.put(&mut self.edit, reader.group);
        if !reader.is_acknowledged {
            consumer.active_ms = Some(reader.now_ms);
            self.note_pending(group.number, consumer, &ids, reader.now_ms);
        }
        Given::Run(first, ids.len())
    }

    /// Notes entries as pending. They may be so already, for whoever: a group can be set back.
    fn note_pending(&mut self, group: u32, consumer: &mut Consumer, ids: &[StreamId], now_ms: u64) {
        let pending = Pending { consumer: consumer.number, given_ms: now_ms, times: 1 };
        let is_ahead = Pending::from(&self.edit.view(), group, ids[0]).next().is_none();
        if is_ahead {
            pending.put_all(&mut self.edit, group, ids);
            consumer.pending += ids.len() as u64;
            return;
        }
        let mut giving = Giving::new(group);
        for id in ids {
            giving.set(*id, giving.find(&self.edit.view(), *id), pending);
        }
        giving.put(&mut self.edit, Some(consumer));
    }

    fn give_again(
        &mut self,
        reader: &Reader<'_>,
        group: &Group,
        consumer: &Consumer,
        behind: StreamId,
    ) -> Given {
        let Some(start) = behind.next() else { return Given::Each(Vec::new()) };
        let view = self.edit.view();
        let most = reader.most.min(usize::try_from(consumer.pending).unwrap_or(usize::MAX));
        let found: Vec<_> = Pending::from(&view, group.number, start)
            .filter(|(_, _, pending)| pending.consumer == consumer.number)
            .take(most)
            .collect();
        for (cursor, id, mut pending) in found.iter().copied() {
            if self.edit.view().seek(ENTRIES, &id.key()).is_ok() {
                pending.given_ms = reader.now_ms;
                pending.times += 1;
                pending.replace(&mut self.edit, cursor);
            }
        }
        Given::Each(found.into_iter().map(|(_, id, _)| id).collect())
    }
}
