//! Owns ZRANGESTORE.

use super::range::{Asked, Form};
use super::score::{Scored, score_of};
use super::select::{entries, member};
use super::{store_new, told, view};
use crate::command::context::Context;
use crate::command::error::CommandError;

/// `ZRANGESTORE target source min max [BYSCORE | BYLEX] [REV] [LIMIT offset count]`
pub(in crate::command) fn zrangestore(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
) -> Result<(), CommandError> {
    let (target, source) = (context.key(arguments[1])?, context.key(arguments[2])?);
    let asked = Asked::parse(Form::STORE, &arguments[3..])?;
    let all: Vec<Scored> = match view(context.store, &source)? {
        None => Vec::new(),
        Some(view) => entries(&view, &asked.find(&view), asked.is_reverse)
            .map(|entry| Scored { score: score_of(&entry), member: member(entry).into_owned() })
            .collect(),
    };
    let count = store_new(context, "zrangestore", &target, all)?;
    context.reply.integer(told(count));
    Ok(())
}
