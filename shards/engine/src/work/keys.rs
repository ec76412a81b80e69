//! Owns which keys a command locks.

use crate::command::{CommandSpec, Run, Spread, copy_options, keys_of, move_target};
use crate::lock::LockKey;
use hyperion_model::DatabaseId;

/// The keys of a command in the order in which it names them, and what it writes beside them.
pub(crate) fn lock_keys(
    spec: &CommandSpec,
    database: DatabaseId,
    arguments: &[&[u8]],
) -> Vec<LockKey> {
    let mut keys: Vec<LockKey> =
        keys_of(spec, arguments).map(|at| (database, arguments[at].to_vec())).collect();
    // COPY may name a key of another database.
    if matches!(spec.run, Run::Keys { spread: Spread::Copy, .. })
        && let Ok((target, _)) = copy_options(arguments, database)
        && let Some(key) = keys.get_mut(1)
    {
        key.0 = target;
    }
    // MOVE writes the key of the same name there.
    if spec.name == "move"
        && let Ok(target) = move_target(arguments)
        && let Some((_, name)) = keys.first()
    {
        keys.push((target, name.clone()));
    }
    keys
}
