//! Owns XCLAIM and XAUTOCLAIM: pending entries that go over to another consumer.

use super::consumer::Consumer;
use super::entry::reply_entry;
use super::error::StreamError;
use super::giving::Giving;
use super::group::Group;
use super::id::{StreamId, parse_start, parse_strict};
use super::pending::Pending;
use super::{ENTRIES, Stream, number_or, view};
use crate::collection::View;
use crate::command::context::{Context, is_word};
use crate::command::error::{CommandError, repeat};
use hyperion_model::number::parse_integer;
use hyperion_model::{EventClass, ReplyWriter};
use hyperion_store::Key;

type Done = Result<(), CommandError>;

/// Entries that XAUTOCLAIM looks at for each that it may take.
const LOOKS: usize = 10;
/// Entries that XAUTOCLAIM takes unless it is told.
const COUNT: usize = 100;
/// The greatest number of entries that it may be told.
const COUNT_MAX: i64 = i64::MAX / 16;

/// What becomes of a claimed entry.
struct Claim {
    idle_ms_min: i64,
    given_ms: u64,
    /// Times given, where the client says so.
    times: Option<u64>,
    /// Entries that are not pending become so.
    is_forced: bool,
    /// Only ids are told, and the times given do not change.
    is_id_only: bool,
    last_id: StreamId,
}

impl Claim {
    fn parse(words: &[&[u8]], idle_ms_min: i64, now_ms: u64) -> Result<Self, CommandError> {
        let mut claim = Self {
            idle_ms_min,
            given_ms: now_ms,
            times: None,
            is_forced: false,
            is_id_only: false,
            last_id: StreamId::ZERO,
        };
        let mut at = 0;
        while at < words.len() {
            let (word, value) = (words[at], words.get(at + 1));
            at += 1;
            match value {
                _ if is_word(word, "force") => claim.is_forced = true,
                _ if is_word(word, "justid") => claim.is_id_only = true,
                Some(value) if is_word(word, "idle") => {
                    let idle = number_or(value, "Invalid IDLE option argument for XCLAIM")?;
                    let given = i64::try_from(now_ms).unwrap_or(i64::MAX).checked_sub(idle);
                    claim.given_ms = sane(given, now_ms);
                    at += 1;
                }
                Some(value) if is_word(word, "time") => {
                    let time = number_or(value, "Invalid TIME option argument for XCLAIM")?;
                    claim.given_ms = sane(Some(time), now_ms);
                    at += 1;
                }
                Some(value) if is_word(word, "retrycount") => {
                    let times = number_or(value, "Invalid RETRYCOUNT option argument for XCLAIM")?;
                    claim.times = u64::try_from(times).ok();
                    at += 1;
                }
                Some(value) if is_word(word, "lastid") => {
                    claim.last_id = parse_strict(value, 0)?;
                    at += 1;
                }
                _ => return Err(StreamError::ClaimOption(repeat(word)).into()),
            }
        }
        Ok(claim)
    }
}

/// A time that a client gave; now where it makes no sense, as its clock may be another one.
fn sane(time: Option<i64>, now_ms: u64) -> u64 {
    let time = time.and_then(|time| u64::try_from(time).ok());
    time.filter(|time| *time <= now_ms).unwrap_or(now_ms)
}

/// `XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME ms] [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID id]`
pub(in crate::command) fn xclaim(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let now_ms = context.store.now_ms();
    let mut stream = Stream::open(context.store, &key)?;
    let mut group = Group::find(&stream.edit.view(), arguments[2])
        .ok_or_else(|| StreamError::no_group(arguments[1], arguments[2]))?;
    let idle_ms_min = number_or(arguments[4], "Invalid min-idle-time argument for XCLAIM")?;
    let ids: Vec<StreamId> =
        arguments[5..].iter().map_while(|word| parse_strict(word, 0).ok()).collect();
    let claim = Claim::parse(&arguments[5 + ids.len()..], idle_ms_min.max(0), now_ms)?;
    if claim.last_id > group.last_id {
        group.last_id = claim.last_id;
        group.put(&mut stream.edit, arguments[2]);
    }
    let (mut consumer, is_new) = taker(&stream, &group, arguments[3], now_ms)?;
    let (mut claimed, mut giving) = (Vec::new(), Giving::new(group.number));
    let view = stream.edit.view();
    for id in ids {
        let found = giving.find(&view, id);
        if view.seek(ENTRIES, &id.key()).is_err() {
            if let Some(pending) = found {
                giving.remove(id, pending);
            }
            continue;
        }
        let (mut pending, is_new) = match found {
            Some(pending) => (pending, false),
            None if claim.is_forced => {
                let pending = Pending { consumer: consumer.number, given_ms: now_ms, times: 1 };
                (pending, true)
            }
            None => continue,
        };
        if !is_new && claim.idle_ms_min > 0 && pending.idle_ms(now_ms) < claim.idle_ms_min {
            continue;
        }
        pending.consumer = consumer.number;
        pending.given_ms = claim.given_ms;
        let times = pending.times.saturating_add(u64::from(!claim.is_id_only));
        pending.times = claim.times.unwrap_or(times);
        giving.set(id, found, pending);
        consumer.active_ms = Some(now_ms);
        claimed.push(id);
    }
    giving.put(&mut stream.edit, Some(&mut consumer));
    consumer.put(&mut stream.edit, group.number);
    stream.commit_groups()?;
    if is_new {
        context.notify(EventClass::Stream, "xgroup-createconsumer", arguments[1]);
    }
    reply_claimed(context, &key, &claimed, claim.is_id_only)
}

/// `XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]`
pub(in crate::command) fn xautoclaim(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let idle_ms_min = number_or(arguments[4], "Invalid min-idle-time argument for XAUTOCLAIM")?;
    let start = parse_start(arguments[5])?;
    let (mut most, mut is_id_only, mut at) = (COUNT, false, 6);
    while at < arguments.len() {
        if is_word(arguments[at], "count") && at + 1 < arguments.len() {
            most = parse_count(arguments[at + 1])?;
            at += 2;
        } else if is_word(arguments[at], "justid") {
            is_id_only = true;
            at += 1;
        } else {
            return Err(CommandError::Syntax);
        }
    }
    let key = context.first_key(arguments)?;
    let now_ms = context.store.now_ms();
    let mut stream = Stream::open(context.store, &key)?;
    let group = Group::find(&stream.edit.view(), arguments[2])
        .ok_or_else(|| StreamError::no_group(arguments[1], arguments[2]))?;
    let (mut consumer, is_new) = taker(&stream, &group, arguments[3], now_ms)?;
    let (looked_at, next) = look(&stream.edit.view(), &group, start, (most, idle_ms_min), now_ms);
    let (mut claimed, mut gone) = (Vec::new(), Vec::new());
    let mut giving = Giving::new(group.number);
    for (id, before, is_there) in looked_at {
        if !is_there {
            giving.remove(id, before);
            gone.push(id);
            continue;
        }
        let times = before.times.saturating_add(u64::from(!is_id_only));
        let pending = Pending { consumer: consumer.number, given_ms: now_ms, times };
        giving.set(id, Some(before), pending);
        consumer.active_ms = Some(now_ms);
        claimed.push(id);
    }
    giving.put(&mut stream.edit, Some(&mut consumer));
    consumer.put(&mut stream.edit, group.number);
    stream.commit_groups()?;
    if is_new {
        context.notify(EventClass::Stream, "xgroup-createconsumer", arguments[1]);
    }
    context.reply.array(3);
    context.reply.bulk(next.unwrap_or(StreamId::ZERO).text().bytes());
    reply_claimed(context, &key, &claimed, is_id_only)?;
    context.reply.array(gone.len());
    gone.iter().for_each(|id| context.reply.bulk(id.text().bytes()));
    Ok(())
}

/// The entries that XAUTOCLAIM takes, or drops because they are gone, and the one at which the next call goes on.
fn look(
    view: &View<'_>,
    group: &Group,
    start: StreamId,
    (most, idle_ms_min): (usize, i64),
    now_ms: u64,
) -> (Vec<(StreamId, Pending, bool)>, Option<StreamId>) {
    let mut looked_at = Vec::new();
    let mut looks = most.saturating_mul(LOOKS);
    let mut all = Pending::from(view, group.number, start);
    while looks > 0 && looked_at.len() < most {
        let Some((_, id, pending)) = all.next() else { break };
        looks -= 1;
        let is_there = view.seek(ENTRIES, &id.key()).is_ok();
        if !is_there || idle_ms_min <= 0 || pending.idle_ms(now_ms) >= idle_ms_min {
            looked_at.push((id, pending, is_there));
        }
    }
    (looked_at, all.next().map(|(_, id, _)| id))
}

fn parse_count(word: &[u8]) -> Result<usize, CommandError> {
    let count = parse_integer(word).filter(|count| (1..=COUNT_MAX).contains(count));
    let count = count.and_then(|count| usize::try_from(count).ok());
    Ok(count.ok_or(StreamError::Said("COUNT must be > 0"))?)
}

/// The consumer that claims; it was seen now. With whether it is new.
fn taker(
    stream: &Stream<'_, '_>,
    group: &Group,
    name: &[u8],
    now_ms: u64,
) -> Result<(Consumer, bool), CommandError> {
    let found = Consumer::find_or_new(&stream.edit.view(), group.number, name, now_ms);
    let (mut consumer, is_new) =
        found.ok_or(StreamError::Said("the group has too many consumers"))?;
    consumer.seen_ms = now_ms;
    Ok((consumer, is_new))
}

/// Answers with entries that were claimed.
fn reply_claimed(
    context: &mut Context<'_>,
    key: &Key<'_>,
    claimed: &[StreamId],
    is_id_only: bool,
) -> Done {
    let Context { store, reply, .. } = context;
    reply.array(claimed.len());
    let view = if is_id_only { None } else { view(store, key)? };
    for id in claimed {
        match &view {
            Some(view) => reply_one(*reply, view, *id),
            None => reply.bulk(id.text().bytes()),
        }
    }
    Ok(())
}

fn reply_one(reply: &mut dyn ReplyWriter, view: &View<'_>, id: StreamId) {
    let cursor = view.seek(ENTRIES, &id.key()).ok();
    match cursor.and_then(|cursor| view.entry(cursor)) {
        Some(entry) => reply_entry(reply, id, &entry.value),
        None => reply.null(),
    }
}
