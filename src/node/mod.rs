//! One node: its cores, their files and mailboxes, and what they show to the side threads.

mod alone;
mod anew;
mod beats;
mod board;
mod clients;
mod cluster_metrics;
mod commit;
mod core;
mod error;
mod facts;
mod figures;
mod gathering;
mod growing;
mod joining;
mod leaving;
mod limits;
mod links;
mod maker;
mod members;
mod memory;
mod messages;
mod metrics;
mod migrate;
mod open;
mod open_error;
mod proposing;
mod rates;
mod repair;
mod replication;
mod saying;
mod segment_files;
mod segments;
mod serving;
mod settling;
mod shared;
mod stall;
mod start;
mod status;
mod supply;
mod telling;
mod ticking;

pub(crate) use self::alone::{Copy, GroupFacts, Stopped};
pub(crate) use self::clients::Clients;
pub(crate) use self::core::NodeCore;
pub(crate) use self::error::NodeError;
pub(crate) use self::figures::{CoreFigures, Counted, Counters, LATENCY_EDGES_US, Latency};
pub(crate) use self::links::Link;
pub(crate) use self::messages::{Mail, Note};
pub(crate) use self::repair::check_data;
pub(crate) use self::start::{random_bytes, serve};
pub(crate) use self::supply::{core_folder, segment_path};
pub(crate) use self::ticking::pending_bytes;

/// What a core of ours asks its ring for.
pub(crate) type Io = hyperion_runtime::Io<Mail>;
