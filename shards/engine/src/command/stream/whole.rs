//! Owns streams that are read and written as a whole.

use super::consumer::Consumer;
use super::entry;
use super::group::Group;
use super::id::StreamId;
use super::meta::Meta;
use super::pending::{Pending, place_of};
use super::{ENTRIES, PENDING, Stream};
use crate::collection::{Edit, Layout, View};
use crate::command::error::CommandError;
use crate::command::rdb::{ConsumerValue, GroupValue, PendingValue, StreamValue};
use crate::command::types::STREAM;
use hyperion_store::{Key, Store};

fn number_of(id: StreamId) -> u128 {
    u128::from_be_bytes(id.key())
}

fn id_of(number: u128) -> StreamId {
    StreamId::from_key(&number.to_be_bytes())
}

/// All of a stream.
pub(in crate::command) fn whole(view: &View<'_>) -> StreamValue {
    let meta = Meta::of(view);
    let entries = view
        .all(ENTRIES)
        .map(|(_, entry)| (number_of(StreamId::from_key(&entry.key)), entry::words(&entry.value)));
    StreamValue {
        entries: entries.collect(),
        last_id: number_of(meta.last_id),
        deleted_id: number_of(meta.deleted_id),
        added: meta.added,
        groups: Group::all(view).map(|(name, group)| whole_group(view, name, &group)).collect(),
    }
}

fn whole_group(view: &View<'_>, name: Vec<u8>, group: &Group) -> GroupValue {
    // In the order of their numbers.
    let consumers: Vec<Consumer> = Consumer::all(view, group.number).collect();
    let place = |number| consumers.binary_search_by_key(&number, |consumer| consumer.number).ok();
    let pending =
        Pending::from(view, group.number, StreamId::ZERO).filter_map(|(_, id, pending)| {
            let consumer = place(pending.consumer)?;
            let Pending { given_ms, times, .. } = pending;
            Some(PendingValue { id: number_of(id), given_ms, times, consumer })
        });
    let pending = pending.collect();
    let consumers = consumers.into_iter().map(|Consumer { name, seen_ms, active_ms, .. }| {
        ConsumerValue { name, seen_ms, active_ms }
    });
    let last_id = number_of(group.last_id);
    GroupValue { name, last_id, read: group.read, consumers: consumers.collect(), pending }
}

/// Sets a key to a stream, whatever it holds.
///
/// # Errors
/// When there is no room; then nothing has changed.
pub(in crate::command) fn put_whole(
    store: &mut Store,
    key: &Key<'_>,
    value: &StreamValue,
    expiry_ms: Option<u64>,
) -> Result<(), CommandError> {
    let mut edit = Edit::replacing(store, key, STREAM, &Layout::STREAMED);
    edit.set_expiry(expiry_ms);
    let entries = value.entries.iter().map(|(id, words)| {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let mut encoded = Vec::new();
        entry::encode(&words, &mut encoded);
        (id.to_be_bytes(), encoded)
    });
    if !value.entries.is_empty() {
        edit.insert_all(ENTRIES, None, entries);
    }
    let mut pending = Vec::new();
    for (number, group) in (0..).zip(&value.groups) {
        put_group(&mut edit, number, group);
        for one in &group.pending {
            let consumer = u32::try_from(one.consumer).expect("they were counted by their bytes");
            let PendingValue { given_ms, times, .. } = *one;
            let stored = Pending { consumer, given_ms, times };
            pending.push(place_of(&stored, number, id_of(one.id)));
        }
    }
    if !pending.is_empty() {
        edit.insert_all(PENDING, None, pending.into_iter());
    }
    let (last_id, deleted_id) = (id_of(value.last_id), id_of(value.deleted_id));
    let length = value.entries.len() as u64;
    Stream { edit, meta: Meta { last_id, deleted_id, added: value.added, length } }.commit()
}

fn put_group(edit: &mut Edit<'_, '_>, number: u32, group: &GroupValue) {
    Group { number, last_id: id_of(group.last_id), read: group.read }.put(edit, &group.name);
    let mut pending = vec![0; group.consumers.len()];
    group.pending.iter().for_each(|one| pending[one.consumer] += 1);
    for (at, (consumer, pending)) in (0..).zip(group.consumers.iter().zip(pending)) {
        let ConsumerValue { name, seen_ms, active_ms } = consumer.clone();
        Consumer { number: at, seen_ms, active_ms, pending, name }.put(edit, number);
    }
}
