//! Owns the way of a message: from who publishes it to the clients of this core, to other cores and to other nodes.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use hyperion_engine::KeyEvent;
use hyperion_runtime::ConnectionId;
use hyperion_wire::Protocol;
use hyperion_wire::peer::{Body, Kind as FrameKind, Published, PublishedMessage};

use super::bundle::{Bundle, News, Outgoing};
use super::limits::{NODE_FRAME_BYTES, NODE_MESSAGE_BYTES_MAX};
use super::message::{Frames, message, pattern_message};
use super::registry::{Kind, Registry};
use crate::front::Client;
use crate::front::limits::BACKLOG_BATCHES_MAX;
use crate::node::{Io, Mail, NodeCore, pending_bytes};

/// What a core counts about channels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PubsubCounters {
    /// Messages that were published here: by clients of this core, and keyspace events.
    pub(crate) published: u64,
    /// Messages that were put into the output of a client.
    pub(crate) delivered: u64,
    /// Messages that did not go to another core or node, because too many waited already; or to a node, because they were too long.
    pub(crate) dropped: u64,
    /// Clients that were closed because they did not read what they had subscribed to.
    pub(crate) closed: u64,
}

/// What a core shows about channels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PubsubFigures {
    pub(crate) counters: PubsubCounters,
    /// Names that somebody on the node listens to: each core knows all of them.
    pub(crate) channels: u64,
    pub(crate) patterns: u64,
    pub(crate) shards: u64,
    /// Subscriptions of this core's clients, and clients that have some.
    pub(crate) subscriptions: u64,
    pub(crate) clients: u64,
}

/// What one core knows of channels, and what it has for others in this turn.
#[derive(Debug, Default)]
pub(crate) struct Pubsub {
    /// Scripts ask it, too.
    pub(crate) registry: Rc<RefCell<Registry>>,
    /// By core.
    outgoing: Vec<Bundle>,
    for_nodes: Outgoing,
    /// Of other nodes, until the registry holds all that listeners of this node were told.
    from_nodes: Outgoing,
    /// News of other cores that were taken.
    taken: u64,
    pub(crate) counters: PubsubCounters,
}

/// Whether a message can go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It can.
    Now,
    /// When other cores' news have come, or their mailboxes have room.
    Again,
    /// In the next turn.
    NextTurn,
}

impl NodeCore {
    /// What this core shows about channels.
    pub(crate) fn pubsub_figures(&self) -> PubsubFigures {
        let Pubsub { registry, counters, .. } = &self.pubsub;
        let registry = registry.borrow();
        let names = |kind| registry.names_count(kind) as u64;
        PubsubFigures {
            counters: *counters,
            channels: names(Kind::Channel),
            patterns: names(Kind::Pattern),
            shards: names(Kind::Shard),
            subscriptions: registry.own_count() as u64,
            clients: self.clients.iter().filter(|client| client.subscriptions.is_some()).count()
                as u64,
        }
    }

    /// Whether the registry holds all that clients of the node have been told. News are announced in a counter before the client is
    /// answered, and come by mail; who finds some announced and not come yet waits for the mail.
    pub(crate) fn knows_listeners(&self) -> bool {
        let announced = self.shared.listener_news[usize::from(self.index)].load(Ordering::Acquire);
        announced == self.pubsub.taken
    }

    /// Whether a client of this core may publish now.
    pub(crate) fn may_publish(&self) -> Readiness {
        if !self.knows_listeners() {
            return Readiness::Again;
        }
        if self.links.iter().any(|link| link.backlog.len() >= BACKLOG_BATCHES_MAX) {
            return Readiness::Again;
        }
        let is_full = self.pubsub.for_nodes.is_full()
            || self.pubsub.outgoing.iter().any(|bundle| bundle.messages.is_full());
        if is_full { Readiness::NextTurn } else { Readiness::Now }
    }

    // ---- who listens

    /// A client of this core listens to a name from now on, or no more: tells the other cores.
    pub(crate) fn note_listener(
        &mut self,
        client: ConnectionId,
        kind: Kind,
        name: &[u8],
        comes: bool,
    ) {
        if comes {
            self.pubsub.registry.borrow_mut().add(kind, name, client);
        } else {
            self.pubsub.registry.borrow_mut().remove(kind, name, client);
        }
        let (own, cores) = (usize::from(self.index), self.links.len());
        self.pubsub.outgoing.resize_with(cores, Bundle::default);
        for core in (0..cores).filter(|core| *core != own) {
            self.shared.listener_news[core].fetch_add(1, Ordering::Release);
            let news = News { kind, name: name.to_vec(), comes };
            self.pubsub.outgoing[core].news.push(news);
        }
    }

    /// The client listens to nothing any more.
    pub(crate) fn drop_subscriptions(&mut self, client: &mut Client) {
        let Some(subscriptions) = client.subscriptions.take() else { return };
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for name in subscriptions.all(kind) {
                self.note_listener(client.connection, kind, &name, false);
            }
        }
    }

    // ---- messages

    /// Publishes a message of a client of this core; gives how many on this node hear it. `client` is the one that runs.
    pub(crate) fn publish(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        is_shard: bool,
        channel: &[u8],
        payload: &[u8],
    ) -> usize {
        self.pubsub.counters.published += 1;
        let count = self.tell_node(io, Some(client), is_shard, channel, payload);
        self.tell_nodes(is_shard, channel, payload);
        count
    }

    /// Gives a message to all who hear it on this node.
    fn tell_node(
        &mut self,
        io: &mut Io,
        running: Option<&mut Client>,
        is_shard: bool,
        channel: &[u8],
        payload: &[u8],
    ) -> usize {
        if self.pubsub.registry.borrow().is_empty() {
            return 0;
        }
        let audience = self.pubsub.registry.borrow().audience(channel, is_shard);
        if audience.count == 0 {
            return 0;
        }
        self.deliver_message(io, running, is_shard, channel, payload);
        for core in audience.cores {
            self.pubsub.outgoing.resize_with(self.links.len(), Bundle::default);
            let messages = &mut self.pubsub.outgoing[usize::from(core)].messages;
            // Clients have waited for room; others cannot.
            if messages.is_full() {
                self.pubsub.counters.dropped += 1;
            } else {
                messages.add(is_shard, channel, payload);
            }
        }
        audience.count
    }

    /// Gives a message to the clients of this core that hear it.
    fn deliver_message(
        &mut self,
        io: &mut Io,
        mut running: Option<&mut Client>,
        is_shard: bool,
        channel: &[u8],
        payload: &[u8],
    ) {
        // Nothing that is done to clients changes who listens.
        let shared = Rc::clone(&self.pubsub.registry);
        let registry = shared.borrow();
        let mut frames = Frames::default();
        let (kind, word) =
            if is_shard { (Kind::Shard, "smessage") } else { (Kind::Channel, "message") };
        for listener in registry.own(kind, channel) {
            self.push(io, listener, running.as_deref_mut(), |protocol| {
                frames.of(protocol, |encoder| message(encoder, word, channel, payload))
            });
        }
        if !is_shard {
            for (pattern, listeners) in registry.own_patterns(channel) {
                let mut frames = Frames::default();
                for listener in listeners {
                    self.push(io, listener, running.as_deref_mut(), |protocol| {
                        frames.of(protocol, |encoder| {
                            pattern_message(encoder, pattern, channel, payload);
                        })
                    });
                }
            }
        }
    }

    /// Puts bytes that nobody has asked for into a client's output. `running` is a client that is out of the table.
    pub(crate) fn push<'f>(
        &mut self,
        io: &mut Io,
        listener: ConnectionId,
        running: Option<&mut Client>,
        bytes: impl FnOnce(Protocol) -> &'f [u8],
    ) {
        let (own, released) = (self.index, self.engine.released_position());
        let client = match running {
            Some(client) if client.connection == listener => client,
            _ => match self.clients.get(listener) {
                Some(client) => client,
                None => return,
            },
        };
        if client.is_closing {
            return;
        }
        client.output.push(own, released, bytes(client.session.protocol));
        if !client.is_dirty {
            client.is_dirty = true;
            self.dirty.push(listener);
        }
        self.pubsub.counters.delivered += 1;
        let pending_bytes = pending_bytes(io, client);
        if self.config.listener_limit.is_over(client, pending_bytes, io.now_unix_ms()) {
            tracing::warn!(
                "client {} is closed: {pending_bytes} bytes of messages wait for it, more than client-output-buffer-limit allows",
                client.number
            );
            self.pubsub.counters.closed += 1;
            client.is_closing = true;
            io.close(listener);
        }
    }

    // ---- other cores

    /// Closes the bundles of this turn: to be called before mail is posted. One for a core that takes no mail stays open, and what is too
    /// much for it is dropped or waits.
    pub(crate) fn send_bundles(&mut self) {
        for (core, bundle) in self.pubsub.outgoing.iter_mut().enumerate() {
            if !bundle.is_empty() && self.links[core].has_room() {
                let bundle = std::mem::take(bundle);
                self.links[core].backlog.push_back(Mail::Channels(Box::new(bundle)));
            }
        }
    }

    /// Another core's clients have come or gone, or have published.
    pub(crate) fn take_bundle(&mut self, io: &mut Io, from: u16, bundle: &Bundle) {
        for News { kind, name, comes } in &bundle.news {
            self.pubsub.registry.borrow_mut().note(from, *kind, name, *comes);
            if *kind == Kind::Prefix && *comes {
                self.engine.tell_changes(true);
            }
        }
        self.pubsub.taken += bundle.news.len() as u64;
        for (is_shard, channel, payload) in bundle.messages.messages() {
            self.deliver_message(io, None, is_shard, channel, payload);
        }
        if !bundle.news.is_empty() && !self.held.is_empty() {
            self.retry_held(io);
        }
    }

    // ---- other nodes

    /// Keeps a message for the other nodes, if there are any.
    fn tell_nodes(&mut self, is_shard: bool, channel: &[u8], payload: &[u8]) {
        if self.peers.is_none() || self.view.as_ref().is_none_or(|view| view.nodes.len() < 2) {
            return;
        }
        if channel.len() + payload.len() > NODE_MESSAGE_BYTES_MAX {
            self.pubsub.counters.dropped += 1;
            return;
        }
        self.pubsub.for_nodes.add(is_shard, channel, payload);
    }

    /// Sends what was published in this turn to the nodes that know how to take it: to be called before the links are flushed.
    pub(crate) fn publish_to_nodes(&mut self) {
        if self.pubsub.for_nodes.is_empty() {
            return;
        }
        let outgoing = std::mem::take(&mut self.pubsub.for_nodes);
        let Some(peers) = &mut self.peers else { return };
        let nodes: Vec<u32> = peers.nodes().collect();
        let mut frame = Published { messages: Vec::new() };
        let mut bytes = 0;
        let mut dropped = 0;
        let mut messages = outgoing.messages().peekable();
        while let Some((is_shard, channel, payload)) = messages.next() {
            let message =
                PublishedMessage { is_shard, channel: channel.into(), payload: payload.into() };
            bytes += channel.len() + payload.len();
            frame.messages.push(message);
            let next = messages.peek().map_or(usize::MAX, |(_, channel, payload)| {
                bytes.saturating_add(channel.len() + payload.len())
            });
            if next > NODE_FRAME_BYTES {
                for &node in &nodes {
                    let is_sent = peers.queue_from(node, FrameKind::Published.protocol(), |out| {
                        let _ = frame.encode(out);
                    });
                    dropped += if is_sent { 0 } else { frame.messages.len() as u64 };
                }
                frame.messages.clear();
                bytes = 0;
            }
        }
        self.pubsub.counters.dropped += dropped;
    }

    /// Messages that were published on another node came: they are told at the end of the turn.
    pub(crate) fn take_published(&mut self, published: &Published<'_>) {
        for PublishedMessage { is_shard, channel, payload } in &published.messages {
            if self.pubsub.from_nodes.is_full() {
                self.pubsub.counters.dropped += 1;
            } else {
                self.pubsub.from_nodes.add(*is_shard, channel, payload);
            }
        }
    }

    /// Tells what has come for listeners and what the log has released.
    pub(crate) fn tell_listeners(&mut self, io: &mut Io) {
        if self.pubsub.from_nodes.is_empty() && !self.engine.has_events() {
            return;
        }
        if !self.knows_listeners() {
            // Somebody was just told that he hears them: the mail that says so wakes this core.
            return;
        }
        let arrived = std::mem::take(&mut self.pubsub.from_nodes);
        for (is_shard, channel, payload) in arrived.messages() {
            self.tell_node(io, None, is_shard, channel, payload);
        }
        self.publish_events(io);
    }

    // ---- keyspace events

    /// Publishes the keyspace events that the log has released: on this node alone, as Redis does.
    fn publish_events(&mut self, io: &mut Io) {
        let mask = self.config.events;
        while let Some(KeyEvent { event, database, key }) = self.engine.take_event() {
            if self.pubsub.registry.borrow().is_empty() {
                continue;
            }
            let number = self.databases.number(database);
            if mask.by_key() {
                let channel = [format!("__keyspace@{number}__:").as_bytes(), &key].concat();
                self.pubsub.counters.published += 1;
                self.tell_node(io, None, false, &channel, event.as_bytes());
            }
            if mask.by_event() {
                let channel = format!("__keyevent@{number}__:{event}");
                self.pubsub.counters.published += 1;
                self.tell_node(io, None, false, channel.as_bytes(), &key);
            }
        }
        self.pubsub.counters.dropped += self.engine.take_dropped_events();
    }
}
