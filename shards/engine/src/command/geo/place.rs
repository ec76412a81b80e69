//! Owns the commands about single places: GEOADD, GEOPOS, GEODIST, GEOHASH.

use super::cell::{Cell, Map, STEPS, text_of};
use super::shape::distance;
use super::{Place, parse_unit};
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use crate::command::sorted_set::{self, AddOptions};

type Done = Result<(), CommandError>;

/// `GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]`
pub(in crate::command) fn geoadd(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let mut options = AddOptions::default();
    let mut rest = &arguments[2..];
    while let [word, behind @ ..] = rest {
        match word {
            _ if is_word(word, "nx") => options.if_absent = true,
            _ if is_word(word, "xx") => options.if_there = true,
            _ if is_word(word, "ch") => options.counts_changed = true,
            _ => break,
        }
        rest = behind;
    }
    let (places, left) = rest.as_chunks::<3>();
    if places.is_empty() || !left.is_empty() || options.if_absent && options.if_there {
        return Err(CommandError::Syntax);
    }
    let key = context.first_key(arguments)?;
    let mut scored = Vec::with_capacity(places.len());
    for [longitude, latitude, member] in places {
        let place = Place::parse(longitude, latitude)?;
        scored.push((Cell::of(place, STEPS, Map::MERCATOR).scores().0, *member));
    }
    sorted_set::add(context, &key, options, &scored)
}

/// `GEOPOS key [member ...]`
pub(in crate::command) fn geopos(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = sorted_set::view(store, &key)?;
    reply.array(arguments.len() - 2);
    for member in &arguments[2..] {
        match view.and_then(|view| sorted_set::score(&view, member)) {
            Some(score) => super::search::tell_place(*reply, Cell::of_score(score).place()),
            None => reply.null_array(),
        }
    }
    Ok(())
}

/// `GEOHASH key [member ...]`
pub(in crate::command) fn geohash(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = sorted_set::view(store, &key)?;
    reply.array(arguments.len() - 2);
    for member in &arguments[2..] {
        match view.and_then(|view| sorted_set::score(&view, member)) {
            Some(score) => reply.bulk(&text_of(Cell::of_score(score).place())),
            None => reply.null(),
        }
    }
    Ok(())
}

/// `GEODIST key member member [M | KM | FT | MI]`
pub(in crate::command) fn geodist(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let unit = match arguments {
        [_, _, _, _] => 1.0,
        [_, _, _, _, unit] => parse_unit(unit)?,
        _ => return Err(CommandError::Syntax),
    };
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = sorted_set::view(store, &key)?;
    let place = |member| {
        let score = sorted_set::score(&view?, member)?;
        Some(Cell::of_score(score).place())
    };
    match (place(arguments[2]), place(arguments[3])) {
        (Some(from), Some(to)) => {
            let metres = distance(from, to);
            reply.bulk(format!("{:.4}", metres / unit).as_bytes());
        }
        _ => reply.null(),
    }
    Ok(())
}
