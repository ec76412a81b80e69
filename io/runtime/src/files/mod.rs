//! Files outside the ring: made filled, replaced whole, locked, mapped, and told apart by file
//! system.

mod create;
mod lock;
mod mapping;
mod read;
mod replace;
mod system;
#[cfg(test)]
pub(crate) mod tests;

pub use create::{
    DIRECT_BLOCK_BYTES, create_allocated, create_filled, direct_commits_pay, open_direct,
};
pub use lock::{FileLock, LockError, lock, lock_unwritten};
pub use mapping::{Mapping, map};
pub use read::read_data;
pub use replace::{replace, sync_directory};
pub use system::{disk_room, file_system};
