//! Owns commands whose keys lie in several partitions, for clients that do not know the cluster: the way of their steps between nodes.

use hyperion_engine::{Mail as EngineMail, Request, SpanMail, SpanStep, Ticket};
use hyperion_wire::peer::{Body, Forwarded, ForwardedCommand, Kind};

use super::client::{Client, Hold};
use super::execute::Progress;
use super::limits::LONG_FRAME_BYTES;
use crate::node::{Io, Mail, NodeCore};
use crate::peers::Peers;

/// The flag of a step of a transaction, which is the one argument.
pub(super) const SPAN: u8 = 2;

/// The protocol version from which nodes know such steps and what they leave in the groups.
const SPAN_PROTOCOL: u16 = 2;

impl NodeCore {
    /// Begins a command over several partitions, wherever they are led.
    pub(super) fn begin_spanning(
        &mut self,
        client: &mut Client,
        request: &Request<'_>,
    ) -> Progress {
        if !client.output.is_in_order() {
            client.hold = Hold::Drain;
            return Progress::Held;
        }
        let ticket = self.fresh_ticket(client);
        self.begin_read(client, request.spec, request.arguments);
        let arguments = request.arguments.iter().map(|argument| argument.to_vec()).collect();
        self.engine.begin_spanning(ticket, request.spec, request.database, arguments);
        Progress::Ran
    }

    /// Whether a client's command may lie in several partitions: one that does not know the cluster, where no node is reached that would not know
    /// the steps.
    pub(super) fn may_span(&self, client: &Client) -> bool {
        self.may_place(client) && self.engine.is_replicated()
    }

    /// Whether a client's command may wait at other nodes: they know what that is from the same version on.
    pub(super) fn may_place(&self, client: &Client) -> bool {
        let knows = |peers: &Peers| {
            peers
                .nodes()
                .filter_map(|node| peers.protocol(node))
                .all(|spoken| spoken >= SPAN_PROTOCOL)
        };
        self.forwards_for(client) && self.peers.as_ref().is_none_or(knows)
    }

    /// Sends a step to another node.
    pub(crate) fn send_span(&mut self, to: u32, mail: &SpanMail) {
        let bytes = mail.encode();
        let length = bytes.len();
        let command = ForwardedCommand {
            request: 0,
            database: 0,
            protocol: 2,
            flags: SPAN,
            arguments: vec![bytes.into()],
        };
        let frame = Forwarded { commands: vec![command] };
        let number = self.forwarding.fresh();
        let is_taken = self.peers.as_mut().is_some_and(|peers| {
            if length > LONG_FRAME_BYTES {
                return peers.queue_long(to, (Kind::Forwarded, number), || {
                    let mut body = Vec::new();
                    frame.encode_body(&mut body).is_ok().then_some(body)
                });
            }
            let mut is_written = true;
            peers.queue(to, |out| is_written = frame.encode(out).is_ok()) && is_written
        });
        let is_coordinators = matches!(
            mail.step,
            SpanStep::Lock { .. }
                | SpanStep::Check
                | SpanStep::Prepare { .. }
                | SpanStep::Decide { .. }
        );
        // All others are said again, or asked for.
        if !is_taken && is_coordinators {
            let step = SpanStep::Refused { error: None };
            self.engine.span_mail(to, SpanMail { id: mail.id, partition: mail.partition, step });
        }
    }

    /// A step of another node, for the core that it is about.
    pub(super) fn take_span(&mut self, node: u32, command: &ForwardedCommand<'_>) {
        let mail = command.arguments.first().and_then(|bytes| SpanMail::decode(bytes));
        let Some(mail) = mail.filter(|it| it.partition.0 < self.engine.map().partitions()) else {
            return tracing::warn!("node {node} sent a step of a command that is not legible");
        };
        let core = mail.core(self.engine.map()).0;
        if core == self.index {
            self.engine.span_mail(node, mail);
        } else if let Some(link) = self.links.get_mut(usize::from(core)) {
            let mail = EngineMail::Span { from: node, mail: Box::new(mail) };
            link.backlog.push_back(Mail::Engine(mail));
        }
    }

    /// Whether a command was carried out is not known: its client hears so by the end of its connection.
    pub(crate) fn end_unknown(&mut self, io: &mut Io, ticket: Ticket) {
        self.scripts.forget(ticket);
        if let Some(connection) = self.tickets.get(&ticket) {
            io.close(*connection);
        }
    }
}
