//! Owns which keys a command locks.

use crate::command::{CommandSpec, Run, Spread, copy_options, keys_of};
use crate::lock::LockKey;
use hyperion_model::DatabaseId;

/// The keys of a command, in the order in which it names them.
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
    keys
}
