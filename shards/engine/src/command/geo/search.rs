//! Owns the commands that look for places: GEOSEARCH and its elder forms.

use super::Place;
use super::cell::Cell;
use super::options::{Finder, Form, Middle, Options, Order, parse_radius};
use super::shape::Shape;
use crate::collection::View;
use crate::command::context::Context;
use crate::command::error::CommandError;
use crate::command::sorted_set::{self, Scored};
use hyperion_model::ReplyWriter;
use hyperion_store::Key;

type Done = Result<(), CommandError>;

const NO_MEMBER: CommandError = CommandError::Says("ERR could not decode requested zset member");

/// A place that was found.
#[derive(Clone, Debug, PartialEq)]
struct Hit {
    member: Vec<u8>,
    score: f64,
    place: Place,
    /// Metres from the middle.
    distance: f64,
}

/// `GEOSEARCH key FROMMEMBER member | FROMLONLAT longitude latitude BYRADIUS radius unit | BYBOX width height unit [ASC | DESC]
/// [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]`
pub(in crate::command) fn geosearch(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    search(context, &key, None, |find, _| {
        Options::default().parse(Form::Search, arguments[0], &arguments[2..], find)
    })
}

/// `GEOSEARCHSTORE target source`, then as GEOSEARCH, or `STOREDIST`
pub(in crate::command) fn geosearchstore(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let (target, source) = (context.key(arguments[1])?, context.key(arguments[2])?);
    search(context, &source, Some(target), |find, _| {
        Options::default().parse(Form::SearchStore, arguments[0], &arguments[3..], find)
    })
}

/// `GEORADIUS key longitude latitude radius unit [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH] [STORE key]
/// [STOREDIST key]`
pub(in crate::command) fn georadius(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    around_place(context, Form::Radius, arguments)
}

/// As GEORADIUS, and never stores.
pub(in crate::command) fn georadius_ro(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    around_place(context, Form::RadiusReadOnly, arguments)
}

/// `GEORADIUSBYMEMBER key member radius unit`, then as GEORADIUS
pub(in crate::command) fn georadiusbymember(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
) -> Done {
    around_member(context, Form::Radius, arguments)
}

/// As GEORADIUSBYMEMBER, and never stores.
pub(in crate::command) fn georadiusbymember_ro(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
) -> Done {
    around_member(context, Form::RadiusReadOnly, arguments)
}

fn around_place(context: &mut Context<'_>, form: Form, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    search(context, &key, None, |find, _| {
        let middle = Some(Middle::At(Place::parse(arguments[2], arguments[3])?));
        let (shape, unit) = parse_radius(arguments[4], arguments[5])?;
        let known = Options { middle, shape: Some(shape), unit, ..Options::default() };
        known.parse(form, arguments[0], &arguments[6..], find)
    })
}

fn around_member(context: &mut Context<'_>, form: Form, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    search(context, &key, None, |find, is_there| {
        let middle = Some(Middle::OfMember(find(arguments[2])?));
        let mut known = Options { middle, ..Options::default() };
        // As in Redis: where the key is not there, nobody looks at the radius.
        if is_there {
            let (shape, unit) = parse_radius(arguments[3], arguments[4])?;
            (known.shape, known.unit) = (Some(shape), unit);
        }
        known.parse(form, arguments[0], &arguments[5..], find)
    })
}

/// Searches a key, whose type is looked at before the words are read, and answers, or stores what was found.
fn search<'a>(
    context: &mut Context<'_>,
    key: &Key<'_>,
    target: Option<Key<'_>>,
    parse: impl FnOnce(Finder<'_>, bool) -> Result<Options<'a>, CommandError>,
) -> Done {
    let view = sorted_set::view(context.store, key)?;
    let find_member = |member: &[u8]| match view {
        None => Ok(None),
        Some(view) => {
            let score = sorted_set::score(&view, member).ok_or(NO_MEMBER)?;
            Ok(Some(Cell::of_score(score).place()))
        }
    };
    let options = parse(&find_member, view.is_some())?;
    let mut hits = match view {
        Some(view) => find(&view, &options),
        None => Vec::new(),
    };
    match options.order {
        Some(Order::Nearest) => hits.sort_by(|one, other| one.distance.total_cmp(&other.distance)),
        Some(Order::Farthest) => hits.sort_by(|one, other| other.distance.total_cmp(&one.distance)),
        None => {}
    }
    hits.truncate(
        options.count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX)),
    );
    let event = if target.is_some() { "geosearchstore" } else { "georadiusstore" };
    let target = match options.target {
        Some(bytes) => Some(context.key(bytes)?),
        None => target,
    };
    let Some(target) = target else {
        tell(context.reply, &hits, &options);
        return Ok(());
    };
    let scored = hits.into_iter().map(|Hit { member, score, distance, .. }| {
        let score = if options.stores_distance { distance / options.unit } else { score };
        Scored { score, member }
    });
    let count = sorted_set::store_new(context, event, &target, scored.collect())?;
    context.reply.integer(sorted_set::told(count));
    Ok(())
}

fn find(view: &View<'_>, options: &Options<'_>) -> Vec<Hit> {
    let (Some(Middle::At(middle) | Middle::OfMember(Some(middle))), Some(shape)) =
        (options.middle, options.shape)
    else {
        return Vec::new();
    };
    let most = if options.any { options.count.unwrap_or(u64::MAX) } else { u64::MAX };
    let mut hits = Vec::new();
    for cell in shape.cells(middle) {
        find_in(view, cell, (shape, middle), most, &mut hits);
    }
    hits
}

fn find_in(
    view: &View<'_>,
    cell: Cell,
    (shape, middle): (Shape, Place),
    most: u64,
    hits: &mut Vec<Hit>,
) {
    let (begin, end) = cell.scores();
    for entry in sorted_set::from_score(view, begin) {
        let score = sorted_set::score_of(&entry);
        if score >= end || hits.len() as u64 >= most {
            return;
        }
        let place = Cell::of_score(score).place();
        if let Some(distance) = shape.distance_within(middle, place) {
            let member = sorted_set::member_of(&entry.key).to_vec();
            hits.push(Hit { member, score, place, distance });
        }
    }
}

fn tell(reply: &mut dyn ReplyWriter, hits: &[Hit], options: &Options<'_>) {
    let more = [options.with_distance, options.with_cell, options.with_place];
    let more = more.into_iter().filter(|wanted| *wanted).count();
    reply.array(hits.len());
    for hit in hits {
        if more > 0 {
            reply.array(1 + more);
        }
        reply.bulk(&hit.member);
        if options.with_distance {
            reply.bulk(format!("{:.4}", hit.distance / options.unit).as_bytes());
        }
        if options.with_cell {
            #[expect(clippy::cast_possible_truncation, reason = "cells are whole numbers")]
            reply.integer(hit.score as i64);
        }
        if options.with_place {
            tell_place(reply, hit.place);
        }
    }
}

/// A place in decimals, without zeros at the end.
pub(super) fn tell_place(reply: &mut dyn ReplyWriter, place: Place) {
    reply.array(2);
    for degrees in [place.longitude, place.latitude] {
        let text = format!("{degrees:.17}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        reply.decimal(if text == "-0" { "0" } else { text });
    }
}
