//! Owns the rows of channels.

use super::{ANYTIME, NONE, row};
use crate::command::flags::Flags;
use crate::command::spec::Group::Pubsub;
use crate::command::spec::Run::Front;
use crate::command::spec::{CommandSpec, FrontCommand};

const LISTEN: Flags = ANYTIME.and(Flags::PUBSUB).and(Flags::NOSCRIPT);
const SAY: Flags = ANYTIME.and(Flags::PUBSUB).and(Flags::FAST);

// Channels of shards are no keys here: every node takes them, and tells the others.
#[rustfmt::skip]
pub(super) const ROWS: &[CommandSpec] = &[
    row("psubscribe", -2, LISTEN, NONE, Front(FrontCommand::Psubscribe))
        .about(Pubsub, "2.0.0", "O(N) with the number of patterns", "Listens to channels whose names fit patterns."),
    row("publish", 3, SAY, NONE, Front(FrontCommand::Publish))
        .about(Pubsub, "2.0.0", "O(N+M) with the number of listeners and of patterns", "Says something on a channel, and counts who hears it on this node."),
    row("pubsub", -2, LISTEN, NONE, Front(FrontCommand::Pubsub))
        .about(Pubsub, "2.8.0", "O(N) with the number of channels", "Tells which channels have listeners on this node."),
    row("punsubscribe", -1, LISTEN, NONE, Front(FrontCommand::Punsubscribe))
        .about(Pubsub, "2.0.0", "O(N) with the number of patterns", "Listens to patterns no more; without a pattern, to none."),
    row("spublish", 3, SAY, NONE, Front(FrontCommand::Spublish))
        .about(Pubsub, "7.0.0", "O(N) with the number of listeners", "Says something on a shard channel, and counts who hears it on this node."),
    row("ssubscribe", -2, LISTEN, NONE, Front(FrontCommand::Ssubscribe))
        .about(Pubsub, "7.0.0", "O(N) with the number of channels", "Listens to shard channels."),
    row("subscribe", -2, LISTEN, NONE, Front(FrontCommand::Subscribe))
        .about(Pubsub, "2.0.0", "O(N) with the number of channels", "Listens to channels."),
    row("sunsubscribe", -1, LISTEN, NONE, Front(FrontCommand::Sunsubscribe))
        .about(Pubsub, "7.0.0", "O(N) with the number of channels", "Listens to shard channels no more; without a channel, to none."),
    row("unsubscribe", -1, LISTEN, NONE, Front(FrontCommand::Unsubscribe))
        .about(Pubsub, "2.0.0", "O(N) with the number of channels", "Listens to channels no more; without a channel, to none."),
];
