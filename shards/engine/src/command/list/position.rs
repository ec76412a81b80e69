//! Owns LPOS.

use super::{Done, ELEMENTS, integer_of, view};
use crate::collection::View;
use crate::command::context::{Context, is_word};
use crate::command::error::CommandError;
use hyperion_model::number::parse_integer;

const ZERO_RANK: CommandError = CommandError::Says(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of \
     the list",
);
const SMALL_RANK: CommandError = CommandError::Says(
    "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
);
const NEGATIVE_COUNT: CommandError = CommandError::Says("ERR COUNT can't be negative");
const NEGATIVE_LENGTH: CommandError = CommandError::Says("ERR MAXLEN can't be negative");

/// What is looked for.
struct Search {
    /// Which match is the first that counts, from 1.
    rank: u64,
    from_end: bool,
    /// How many; `None`: one, and not as an array.
    count: Option<u64>,
    /// Elements that are looked at.
    looked_at_max: u64,
}

impl Search {
    fn parse(words: &[&[u8]]) -> Result<Self, CommandError> {
        let positive = |word: &[u8], error: CommandError| {
            parse_integer(word).and_then(|number| u64::try_from(number).ok()).ok_or(error)
        };
        let mut search = Self { rank: 1, from_end: false, count: None, looked_at_max: u64::MAX };
        let (pairs, rest) = words.as_chunks::<2>();
        for &[option, value] in pairs {
            if is_word(option, "rank") {
                let rank = integer_of(value)?;
                match rank {
                    0 => return Err(ZERO_RANK),
                    i64::MIN => return Err(SMALL_RANK),
                    _ => {}
                }
                (search.rank, search.from_end) = (rank.unsigned_abs(), rank < 0);
            } else if is_word(option, "count") {
                search.count = Some(positive(value, NEGATIVE_COUNT)?);
            } else if is_word(option, "maxlen") {
                let length = positive(value, NEGATIVE_LENGTH)?;
                search.looked_at_max = if length == 0 { u64::MAX } else { length };
            } else {
                return Err(CommandError::Syntax);
            }
        }
        if rest.is_empty() { Ok(search) } else { Err(CommandError::Syntax) }
    }

    /// The places of what fits, in the order in which they are met.
    fn places(&self, view: &View<'_>, element: &[u8]) -> Vec<u64> {
        let count = view.count(ELEMENTS);
        let wanted = match self.count {
            None => 1,
            Some(0) => u64::MAX,
            Some(count) => count,
        };
        let mut places = Vec::new();
        let mut met = 0;
        let mut meet = |place: u64, value: &[u8]| {
            if value == element {
                met += 1;
                if met >= self.rank {
                    places.push(place);
                }
            }
            (places.len() as u64) < wanted
        };
        let looked_at = self.looked_at_max.min(count);
        if self.from_end {
            let mut cursor = view.last(ELEMENTS);
            for step in 0..looked_at {
                let Some((at, entry)) = cursor.and_then(|at| Some((at, view.entry(at)?))) else {
                    break;
                };
                if !meet(count - 1 - step, &entry.value) {
                    break;
                }
                cursor = view.previous(ELEMENTS, at);
            }
        } else {
            for (place, (_, entry)) in (0..looked_at).zip(view.all(ELEMENTS)) {
                if !meet(place, &entry.value) {
                    break;
                }
            }
        }
        places
    }
}

/// `LPOS key element [RANK rank] [COUNT count] [MAXLEN length]`
pub(in crate::command) fn lpos(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let search = Search::parse(&arguments[3..])?;
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let view = view(store, &key)?;
    let places = view.map_or_else(Vec::new, |view| search.places(&view, arguments[2]));
    let mut tell = |place: &u64| reply.integer(i64::try_from(*place).unwrap_or(i64::MAX));
    match (search.count, places.first()) {
        (None, Some(place)) => tell(place),
        (None, None) => reply.null(),
        (Some(_), _) => {
            reply.array(places.len());
            places
                .iter()
                .for_each(|place| reply.integer(i64::try_from(*place).unwrap_or(i64::MAX)));
        }
    }
    Ok(())
}
