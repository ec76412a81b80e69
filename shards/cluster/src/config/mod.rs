//! Lists the parts of the config: its document, its canonical form, and the rules of one document.

mod addresses;
mod canonical;
mod check;
mod cores;
mod difference;
mod document;
mod functions;
mod identity;
mod levels;
pub mod limits;
mod lints;
mod machine;
mod mode;
mod nodes;
mod observe;
mod parse;
mod password;
mod problem;
mod segments;
mod settings;
mod settings_check;
mod size;
#[cfg(test)]
pub(crate) mod tests;
mod thresholds;
mod tls;
mod users;
mod uuid;

pub use addresses::{Addresses, reached_by_others};
pub use canonical::{canonical, hash, try_hash};
pub use check::{Checked, Local, check, problems};
pub use cores::CoreChoice;
pub use difference::{Difference, between, leaves};
pub use document::{Config, Leaving, Node, Role};
pub use identity::{Unidentified, identify};
pub use levels::fields_above;
pub use lints::{Usage, lint_clock, lints};
pub use machine::Machine;
pub use mode::Mode;
pub use observe::Observe;
pub use parse::{ParseError, parse};
pub use password::PasswordHash;
pub use problem::{Problem, push_step};
pub use settings::{
    Auth, BulkCompression, ClientRouting, Compression, Durability, Limits, LogLevel, Move,
    PubsubOutput, Reads, Resp, Settings, Snapshot, Storage,
};
pub use size::Size;
pub use thresholds::Thresholds;
pub(crate) use tls::check_step;
pub use tls::{ClientAuth, PeerTls, Tls};
pub use users::user_pointer;
pub use uuid::{from_random, is_uuid};
