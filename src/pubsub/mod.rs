//! Channels: who listens to what on this node, and the way of messages to them.

mod bundle;
mod deliver;
mod limits;
mod message;
mod output_limit;
mod registry;
mod subscriptions;

pub(crate) use bundle::Bundle;
pub(crate) use deliver::{Pubsub, PubsubCounters, PubsubFigures, Readiness};
pub(crate) use message::{Frames, changed};
pub(crate) use output_limit::ListenerLimit;
pub(crate) use registry::{Kind, Registry};
pub(crate) use subscriptions::Subscriptions;
