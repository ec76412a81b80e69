//! Owns what keeps a command from running here and now: the node is not settled, or another one serves its keys.

use hyperion_engine::Route;
use hyperion_model::DatabaseId;

use super::client::{Client, Hold};
use super::execute::CROSS_SLOT;
use super::limits::YOUNG_MS;
use crate::cluster::{Conflict, Status};
use crate::node::{Io, NodeCore};

impl NodeCore {
    /// Whether a command about data cannot run yet; the client is held then.
    ///
    /// Errors: the node is not settled, and has not been for long.
    pub(super) fn must_wait(&mut self, io: &Io, client: &mut Client) -> Result<bool, String> {
        if self.is_unsettled && !self.is_young(io) {
            return Err(self.unsettled());
        }
        if self.is_unsettled || self.growing.is_some() {
            self.hold_again(client);
            return Ok(true);
        }
        let must_drain = !client.output.is_in_order();
        if must_drain {
            client.hold = Hold::Drain;
        }
        Ok(must_drain)
    }

    /// What a client is told whose keys another node serves, or several do, if it has to ask there.
    pub(super) fn redirection(
        &self,
        client: &Client,
        keys: &[(DatabaseId, Vec<u8>)],
    ) -> Result<(), String> {
        match self.engine.route_keys(keys) {
            Route::Elsewhere { slot } if !self.forwards_for(client) => {
                Err(self.moved(slot, client.is_secured))
            }
            Route::CrossSlot if !self.may_span(client) => Err(CROSS_SLOT.to_owned()),
            _ => Ok(()),
        }
    }

    /// Whether the node has just started: it hears of the cluster and of who leads in a moment.
    pub(super) fn is_young(&self, io: &Io) -> bool {
        io.now_unix_ms().saturating_sub(self.shared.started_ms) < YOUNG_MS
    }

    /// The line for a client that wants data of a node that is not settled: it holds some, and may not say what.
    #[cold]
    pub(super) fn unsettled(&self) -> String {
        let standing = self.shared.member().map(|member| member.standing.get());
        match standing {
            Some(Status::Waits(sentence)) => format!("CLUSTERDOWN {sentence}"),
            Some(Status::Conflict(Conflict { sentence, .. })) => {
                format!("CLUSTERDOWN conflict: {sentence}")
            }
            Some(Status::Serves) | None => {
                "CLUSTERDOWN this core is about to serve; try again".to_owned()
            }
        }
    }

    /// The line that sends a client to the node that serves `slot`.
    pub(super) fn moved(&self, slot: u16, is_secured: bool) -> String {
        self.view.as_ref().map_or_else(
            || format!("CLUSTERDOWN slot {slot} is served by nobody; try again"),
            |view| view.moved(slot, is_secured),
        )
    }

    /// The client's commands wait until something changes on this core.
    pub(super) fn hold_again(&mut self, client: &mut Client) {
        client.hold = Hold::Again;
        self.held.push(client.connection);
    }
}
