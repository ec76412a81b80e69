//! Owns CLUSTER, READONLY, READWRITE and ASKING.

use super::super::client::Client;
use super::super::execute::Progress;
use super::run::{Carried, exactly, keyword};
use crate::cluster::{CLUSTER_HELP, cluster};
use crate::node::NodeCore;

/// Redis' words for a node that is alone: clients choose by them how they go on.
const ALONE: &str = "ERR This instance has cluster support disabled";

impl NodeCore {
    pub(super) fn cluster_command(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        let (name, words) = (keyword(arguments[1]), &arguments[2..]);
        if name == "help" {
            exactly(words, 0, "cluster|help")?;
            return Ok(self.help(client, &CLUSTER_HELP));
        }
        let Some(view) = self.view.clone() else { return Err(ALONE.to_owned()) };
        let asked = client.own_core_only.then_some(self.index);
        let mut carried = Ok(());
        self.answer(client, |reply| {
            carried = cluster(&view, asked, &name, words, reply);
            if let Err(error) = &carried {
                reply.error(error);
            }
        });
        if carried.is_err() {
            self.counters.errors += 1;
        }
        Ok(Progress::Ran)
    }

    pub(super) fn read_from_replicas(&mut self, client: &mut Client, may: bool) -> Carried {
        if self.view.is_none() {
            return Err(ALONE.to_owned());
        }
        client.session.reads_from_replicas = may;
        Ok(self.agree(client))
    }

    /// Whole partitions move here, and nobody is ever sent on with ASK: there is nothing to remember.
    pub(super) fn asking(&mut self, client: &mut Client) -> Carried {
        if self.view.is_none() {
            return Err(ALONE.to_owned());
        }
        Ok(self.agree(client))
    }
}
