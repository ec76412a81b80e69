//! Owns XACK.

use super::Stream;
use super::giving::Giving;
use super::group::Group;
use super::id::{StreamId, parse_strict};
use crate::command::context::Context;
use crate::command::error::CommandError;

/// `XACK key group id [id ...]`
pub(in crate::command) fn xack(
    context: &mut Context<'_>,
    arguments: &[&[u8]],
) -> Result<(), CommandError> {
    let key = context.first_key(arguments)?;
    let Context { store, reply, .. } = context;
    let mut stream = Stream::open(store, &key)?;
    let Some(group) = Group::find(&stream.edit.view(), arguments[2]) else {
        reply.integer(0);
        return Ok(());
    };
    let ids: Vec<StreamId> =
        arguments[3..].iter().map(|word| parse_strict(word, 0)).collect::<Result<_, _>>()?;
    let (mut count, mut giving) = (0, Giving::new(group.number));
    for id in ids {
        if let Some(pending) = giving.find(&stream.edit.view(), id) {
            giving.remove(id, pending);
            count += 1;
        }
    }
    if count > 0 {
        giving.put(&mut stream.edit, None);
        stream.commit_groups()?;
    }
    reply.integer(count);
    Ok(())
}
