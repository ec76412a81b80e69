//! Owns the first walk over a log with groups: what is applied and what is void is known only at its end, and the second walk asks. Both stop
//! at the same batch, for they check the same.

use super::format::{FIRST_PART, LAST_PART, RUN_VALUE_BYTES, Run, Told, read_cut, read_told};
use super::group::{Entry, Group, Part};
use super::partition_of;
use crate::limits::RECOVERED_ENTRIES_BYTES_MAX;
use crate::log::Location;
use crate::record::{Kind, Record};
use crate::recovery::Step;
use crate::store::Store;
use hyperion_model::{GroupId, PartitionId};
use std::collections::{BTreeMap, VecDeque};

/// An entry as the first walk met it.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) index: u64,
    pub(super) entry_type: u8,
    pub(super) bytes: u64,
    pub(super) entry: Entry,
}

#[derive(Debug)]
pub(super) struct NotedCut {
    pub(super) position: u64,
    pub(super) from: u64,
    pub(super) location: Location,
    pub(super) segments: Option<Vec<(u32, u64)>>,
}

#[derive(Debug, Default)]
pub(super) struct NotedGroup {
    pub(super) group: Group,
    pub(super) cuts: Vec<NotedCut>,
    /// The newest ones, in order; some may be missing between: void ones whose cut comes later, or applied ones.
    pub(super) entries: VecDeque<Noted>,
    pub(super) bytes: u64,
    /// An entry whose last part did not come yet.
    pub(super) open: Option<Noted>,
    /// Index and term of the entry before the first of `entries`, if it was met.
    pub(super) before: Option<(u64, u64)>,
}

/// What the first walk found.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    pub(super) groups: BTreeMap<GroupId, NotedGroup>,
    pub(super) is_noting: bool,
}

impl NotedGroup {
    fn take(&mut self, noted: Noted) {
        while self.entries.back().is_some_and(|last| last.index >= noted.index) {
            self.drop_last();
        }
        self.bytes += noted.bytes;
        self.entries.push_back(noted);
        // Those that are not applied must stay; of the others some are of use.
        while self.bytes > RECOVERED_ENTRIES_BYTES_MAX
            && let Some(first) =
                self.entries.pop_front_if(|first| first.index <= self.group.applied.0)
        {
            self.bytes -= first.bytes;
            self.before = Some((first.index, first.entry.term));
        }
    }

    /// Keeps the newest ones that follow on each other.
    pub(super) fn drop_before_gap(&mut self) {
        let follows = |at: &usize| self.entries[at - 1].index + 1 == self.entries[*at].index;
        let gap = (1..self.entries.len()).rev().find(|at| !follows(at));
        if let Some(gap) = gap {
            self.entries.drain(..gap);
            self.before = None;
        }
    }

    fn drop_last(&mut self) -> Option<Noted> {
        let last = self.entries.pop_back()?;
        self.bytes -= last.bytes;
        Some(last)
    }
}

impl Store {
    // ---- the first walk

    pub(crate) fn begin_noting(&mut self) {
        self.replicated.replay = Some(Replay { is_noting: true, ..Replay::default() });
    }

    pub(crate) fn is_noting(&self) -> bool {
        self.replicated.replay.as_ref().is_some_and(|replay| replay.is_noting)
    }

    pub(crate) fn end_noting(&mut self) {
        if let Some(replay) = &mut self.replicated.replay {
            replay.is_noting = false;
        }
    }

    /// Looks at the records of a whole batch. Gives one that belongs to another core, if there is one.
    pub(crate) fn note_batch(&mut self, slot: u32, steps: &[Step]) -> Option<Location> {
        let mut replay = self.replicated.replay.take().expect("the first walk was begun");
        let (mut foreign, mut skipped) = (None, 0);
        for (at, step) in steps.iter().enumerate() {
            if skipped > 0 {
                skipped -= 1;
                continue;
            }
            if !step.is_word() {
                continue;
            }
            let location = self.log.location(slot, step.offset());
            let record = self.log.record(location);
            let group = match record.kind {
                Kind::Run => Run::read(&record).map(|(run, _)| run.group),
                Kind::Group => read_told(&record).map(|(group, _)| group),
                Kind::Cut => read_cut(record.key).map(|(group, _)| group),
                _ => continue,
            };
            let Some(group) = group else { continue };
            if group.0 > 0 && self.local_of_group(group).is_none() {
                foreign = foreign.or(Some(location));
                continue;
            }
            let noted = replay.groups.entry(group).or_default();
            match record.kind {
                Kind::Run => {
                    skipped = self.note_run(noted, location, &record, steps.len() - at - 1);
                }
                Kind::Group => note_told(noted, location, read_told(&record)),
                _ => self.note_cut(noted, location, record.key),
            }
        }
        self.replicated.replay = Some(replay);
        foreign
    }

    /// Index of a group's partition among the owned ones.
    pub(super) fn local_of_group(&self, group: GroupId) -> Option<u16> {
        self.local_of_partition(PartitionId(partition_of(group)?))
    }

    fn note_run(
        &self,
        noted: &mut NotedGroup,
        opening: Location,
        record: &Record<'_>,
        behind: usize,
    ) -> usize {
        let Some((run, records)) = Run::read(record) else { return 0 };
        let records = records.min(u32::try_from(behind).unwrap_or(u32::MAX));
        let room =
            if run.amends() { self.amendments_room(&record.value[RUN_VALUE_BYTES..]) } else { 0 };
        let part = Part { opening, records, room };
        let bytes = record.size as u64
            + self.records_of(part).map(|at| self.log.record(at).size as u64).sum::<u64>();
        if run.flags & FIRST_PART != 0 {
            let entry = Entry { term: run.term, first: part, more: Vec::new() };
            let first = Noted { index: run.index, entry_type: run.entry_type, bytes, entry };
            noted.open = Some(first);
        } else if let Some(open) = noted.open.as_mut().filter(|open| open.index == run.index) {
            open.entry.more.push(part);
            open.bytes += bytes;
        }
        if run.flags & LAST_PART != 0
            && let Some(whole) = noted.open.take_if(|open| open.index == run.index)
        {
            noted.take(whole);
        }
        records as usize
    }

    fn note_cut(&self, noted: &mut NotedGroup, location: Location, key: &[u8]) {
        let Some((_, from)) = read_cut(key) else { return };
        let mut segments = Vec::new();
        if let Some(open) = noted.open.take() {
            segments.extend(open.entry.parts().map(|part| self.use_of(part.opening)));
        }
        while noted.entries.back().is_some_and(|last| last.index >= from) {
            let void = noted.drop_last().expect("looked at above");
            segments.extend(void.entry.parts().map(|part| self.use_of(part.opening)));
        }
        let position = self.log.position(location);
        // A cut of nothing that was met concerns what was never whole, or all that was there.
        let segments = (from > 0 && !segments.is_empty()).then_some(segments);
        noted.cuts.push(NotedCut { position, from, location, segments });
    }

    // ---- the second walk

    /// How many records behind the run at `location` do not take effect where they stand.
    pub(crate) fn void_records(&self, location: Location, record: &Record<'_>) -> usize {
        let Some((run, records)) = Run::read(record) else { return 0 };
        let noted = self.replicated.replay.as_ref().and_then(|it| it.groups.get(&run.group));
        let position = self.log.position(location);
        let is_kept_alone = self.replicated.log_only && run.group.0 > 0;
        let takes_effect = !is_kept_alone
            && noted.is_some_and(|noted| {
                let is_void =
                    noted.cuts.iter().any(|cut| cut.position > position && cut.from <= run.index);
                !is_void && run.index <= noted.group.applied.0
            });
        if takes_effect { 0 } else { records as usize }
    }

    /// The partition that a flush concerns, and the database in it: none for a flush of the whole core.
    pub(crate) fn flushed_partition(&self, record: &Record<'_>) -> Option<(u16, Option<u8>)> {
        let (partition, is_all) = super::read_flush_key(record.key)?;
        let local = self.local_of_partition(PartitionId(partition))?;
        let database = u8::try_from(record.namespace).ok().filter(|_| !is_all);
        Some((local, database))
    }
}

fn note_told(noted: &mut NotedGroup, location: Location, told: Option<(GroupId, Told)>) {
    let group = &mut noted.group;
    match told {
        Some((_, Told::Whole { state, applied, is_installing, is_gone, horizon })) => {
            (group.state, group.applied, group.horizon) = (state, applied, horizon);
            (group.is_installing, group.is_gone) = (is_installing, is_gone);
            (group.whole_at, group.short_at) = (Some(location), None);
        }
        Some((_, Told::Applied(applied))) => {
            group.applied = applied;
            group.short_at = Some(location);
        }
        None => {}
    }
}
