//! Owns MONITOR: from now on the client is shown what all clients of the node do.

use super::super::client::Client;
use super::super::execute::Progress;
use super::asks::{Asker, FrontAsk};
use super::run::Carried;
use crate::node::{Io, NodeCore};

impl NodeCore {
    pub(super) fn monitor(&mut self, io: &mut Io, client: &mut Client) -> Carried {
        if client.session.is_monitor {
            return Ok(self.agree(client));
        }
        let progress = self.ask_all(io, client, &FrontAsk::Watch(self.index), Asker::default());
        if progress == Progress::Ran {
            client.session.is_monitor = true;
            client.session.set_free();
            self.observer.watch.own.push(client.connection);
        }
        Ok(progress)
    }
}
