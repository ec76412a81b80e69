//! Owns XACK.

use super::Stream;
use super::group::Group;
use super::id::{StreamId, parse_strict};
use super::pending::Pending;
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
    let mut count = 0;
    for id in ids {
        let found = Pending::find(&stream.edit.view(), group.number, id);
        if let Some((cursor, pending)) = found {
            pending.remove(&mut stream.edit, group.number, cursor);
            count += 1;
        }
    }
    if count > 0 {
        stream.commit_groups()?;
    }
    reply.integer(count);
    Ok(())
}
