//! Who may do what: users, the commands, keys and channels that they have a right to, and the words in which that is written.

mod access;
mod channels;
mod commands;
mod error;
mod selector;
#[cfg(test)]
mod tests;
mod user;
mod users;

pub use access::Access;
pub(crate) use access::{MOVES, access_of};
pub use error::{Denied, RuleError, What};
pub use selector::Selector;
pub use user::User;
pub use users::{DEFAULT, Users, keep, merge_selectors, set_default_password};
