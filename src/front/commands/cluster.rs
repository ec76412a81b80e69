//! Owns CLUSTER, READONLY, READWRITE and ASKING.

use std::sync::Arc;

use super::super::client::Client;
use super::super::execute::Progress;
use super::asks::{Asker, FrontAsk};
use super::run::{Carried, exactly, keyword, not_integer, wrong_arity};
use crate::cluster::{CLUSTER_HELP, cluster};
use crate::node::{Io, NodeCore};
use hyperion_model::limits::SLOTS;
use hyperion_model::number::parse_integer;
use hyperion_model::{DatabaseId, slot_of};
use hyperion_store::ScanCursor;

/// Keys that one step of a walk over a slot looks at, about.
const SLOT_KEYS_A_STEP: u64 = 1024;

/// Redis' words for a node that is alone: clients choose by them how they go on.
const ALONE: &str = "ERR This instance has cluster support disabled";

impl NodeCore {
    pub(super) fn cluster_command(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        arguments: &[&[u8]],
    ) -> Carried {
        let (name, words) = (keyword(arguments[1]), &arguments[2..]);
        if name == "help" {
            exactly(words, 0, "cluster|help")?;
            return Ok(self.help(client, &CLUSTER_HELP));
        }
        let Some(view) = self.view.clone() else { return Err(ALONE.to_owned()) };
        if matches!(name.as_str(), "countkeysinslot" | "getkeysinslot") {
            return self.keys_in_slot(io, client, &name, words);
        }
        let view = if client.is_secured { Arc::new(view.of_secured()) } else { view };
        let asked = client.own_core_only.then_some(self.index);
        let is_settled = !self.is_unsettled;
        let mut carried = Ok(());
        self.answer(client, |reply| {
            carried = cluster(&view, is_settled, asked, &name, words, reply);
            if let Err(error) = &carried {
                reply.error(error);
            }
        });
        Ok(Progress::Ran)
    }

    /// COUNTKEYSINSLOT and GETKEYSINSLOT: of what this node leads. Takes time with the keys of the slot's partition.
    fn keys_in_slot(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        name: &str,
        words: &[&[u8]],
    ) -> Carried {
        let number = |word: &&[u8]| parse_integer(word).ok_or_else(not_integer);
        let slot = |word| {
            let slot = u16::try_from(number(word)?).ok().filter(|&slot| slot < SLOTS);
            slot.ok_or_else(|| "ERR Invalid slot".to_owned())
        };
        let ask = match (name, words) {
            ("countkeysinslot", [word]) => FrontAsk::SlotCount(slot(word)?),
            ("getkeysinslot", [word, max]) => {
                let slot = slot(word)?;
                let max = usize::try_from(number(max)?);
                let max = max.map_err(|_| "ERR Invalid slot or number of keys".to_owned())?;
                FrontAsk::SlotKeys(slot, max)
            }
            ("countkeysinslot", _) => return Err(wrong_arity("cluster|countkeysinslot")),
            _ => return Err(wrong_arity("cluster|getkeysinslot")),
        };
        Ok(self.ask_all(io, client, &ask, Asker::default()))
    }

    /// Gives the keys of a slot that this core tells of to `visit`, in database 0, until it gives `false`.
    pub(super) fn visit_slot(&self, slot: u16, mut visit: impl FnMut(&[u8]) -> bool) {
        let map = self.engine.map();
        let partition = map.partition_of(slot);
        if map.owner(partition).0 != self.index {
            return;
        }
        let mut cursor = ScanCursor::at_partition(partition);
        let mut goes_on = true;
        while goes_on {
            cursor = self.engine.store().scan(DatabaseId(0), cursor, SLOT_KEYS_A_STEP, |key| {
                if goes_on && slot_of(key) == slot {
                    goes_on = visit(key);
                }
            });
            goes_on &= cursor.partition() == partition && cursor != ScanCursor(0);
        }
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
