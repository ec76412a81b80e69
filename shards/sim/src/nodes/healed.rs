//! Owns the end of a run: all heals, and within a time all must agree.

use super::clients::Client;
use super::core::Place;
use super::misfortune::Weather;
use super::words::{KEYS, SPAN_KEYS};
use super::world::World;
use super::{MS, Violation};
use crate::history::{Held, Operation, Verdict};
use hyperion_engine::Leader;
use hyperion_model::{DatabaseId, PartitionId};

/// How long the cluster may take for each step back to health.
const PATIENCE_NS: u64 = 15_000 * MS;

impl World {
    /// Everything works again, and clients send nothing new.
    pub(super) fn heal_all(&mut self) -> Result<(), Violation> {
        self.is_busy = false;
        self.weather = Weather { bytes: self.weather.bytes, ..Weather::calm() };
        self.heal();
        for node in 0..self.nodes.len() {
            let is_out = self.stays_away(node) || self.nodes[node].member.is_given_up;
            if self.settings.members && is_out {
                continue;
            }
            self.nodes[node].member.is_lost = false;
            self.nodes[node].segments_max = 256;
            self.nodes[node].paused_ns = 0;
            self.start(node)?;
            self.resume(node);
        }
        // Late frames and turns of the past come to their end.
        self.run_for(1_500 * MS)?;
        self.heal();
        let is_idle =
            self.run_until(PATIENCE_NS, |world| world.clients.iter().all(|it| it.busy.is_none()))?;
        if !is_idle {
            return Err("after all has healed clients wait without an end".into());
        }
        Ok(())
    }

    /// One leader each, a write goes through, and all copies are equal.
    pub(super) fn check_healed(&mut self) -> Result<(), Violation> {
        for partition in self.partitions() {
            if !self.run_until(PATIENCE_NS, |world| world.is_led(partition))? {
                let known: Vec<_> = self.known_leaders(partition);
                return Err(self.sentence(
                    usize::from(partition.0),
                    &format!("nodes do not agree on one leader after all has healed: {known:?}"),
                ));
            }
        }
        let keys = [0, 2, 3];
        for partition in self.partitions() {
            let place = usize::from(partition.0);
            let value = self.any_value();
            let write = Operation::Set(1, Held { value, expiry_ms: None });
            self.must_be_answered(place, &write)?;
            for key in keys {
                self.must_be_answered(place, &Operation::Get(key))?;
            }
            self.must_be_answered(place, &Operation::GetAll(vec![0, 1]))?;
        }
        for ledger in usize::from(self.settings.partitions)..self.ledgers.len() {
            let keys: Vec<_> = (0..usize::from(SPAN_KEYS)).collect();
            self.must_be_answered(ledger, &Operation::GetAll(keys.clone()))?;
            let all = keys.iter().map(|&key| (key, self.any_value())).collect();
            self.must_be_answered(ledger, &Operation::SetAll(all))?;
            self.must_be_answered(ledger, &Operation::GetAll(keys))?;
        }
        for partition in self.partitions() {
            let is_equal = |world: &mut Self| {
                let copies = world.copies(partition);
                copies.windows(2).all(|pair| pair[0].1 == pair[1].1)
            };
            if !self.run_until(PATIENCE_NS, is_equal)? {
                let copies = self.copies(partition);
                return Err(self.sentence(
                    usize::from(partition.0),
                    &format!("copies differ after all has healed: {copies:?}"),
                ));
            }
        }
        Ok(())
    }

    /// There must be an order of all commands of each partition.
    pub(super) fn check_histories(&mut self) -> Result<(), Violation> {
        for place in 0..self.ledgers.len() {
            match self.ledgers[place].verdict(KEYS, &mut self.values) {
                Verdict::Fits => {}
                Verdict::Undecided => self.report.undecided += 1,
                Verdict::Contradicts(sentence) => return Err(self.sentence(place, &sentence)),
            }
        }
        Ok(())
    }

    /// Who leads, as each node says that has a copy.
    fn known_leaders(&self, partition: PartitionId) -> Vec<(u32, Option<Leader>)> {
        let known = |node: &super::node::Node| {
            let core = usize::from(node.map.owner(partition).0);
            let leader = node.cores.get(core).map(|it| it.leaders[usize::from(partition.0)]);
            (node.id, leader)
        };
        let voters = self.voters(partition);
        self.nodes.iter().filter(|node| voters.contains(&u64::from(node.id))).map(known).collect()
    }

    fn is_led(&self, partition: PartitionId) -> bool {
        let known = self.known_leaders(partition);
        let own = |&&(_, leader): &&(u32, Option<Leader>)| leader == Some(Leader::Own);
        let mut owners = known.iter().filter(own).map(|&(id, _)| id);
        let (Some(id), None) = (owners.next(), owners.next()) else { return false };
        let agrees = |&(other, leader): &(u32, Option<Leader>)| {
            other == id || leader == Some(Leader::Node(id))
        };
        known.iter().all(agrees)
    }

    /// A client asks until it is answered.
    fn must_be_answered(&mut self, place: usize, operation: &Operation) -> Result<(), Violation> {
        let answers = self.report.answers;
        for _ in 0..10 {
            self.ask(0, place, operation.clone());
            let is_free = |world: &mut Self| world.clients[0].busy.is_none();
            self.run_until(PATIENCE_NS, is_free)?;
            self.clients[0] = Client::new(self.ledgers.len());
            if self.report.answers > answers {
                return Ok(());
            }
        }
        Err(self.sentence(place, &format!("{operation:?} is not answered after all has healed")))
    }

    /// What each copy of a partition holds, by node.
    fn copies(&mut self, partition: PartitionId) -> Vec<(u32, Vec<Option<Vec<u8>>>)> {
        let mut copies = Vec::new();
        for id in self.voters(partition) {
            let node = usize::try_from(id - 1).expect("nodes are few");
            let at = Place { node, core: self.core_of(node, partition) };
            let mut names = self.keys_of(usize::from(partition.0)).to_vec();
            names.push(self.hashes[usize::from(partition.0)].clone());
            let spanning = self.names.iter().skip(usize::from(self.settings.partitions)).flatten();
            names.extend(spanning.filter(|name| self.lies_in(partition, name)).cloned());
            let node = &mut self.nodes[at.node];
            let Some(core) = node.cores.get_mut(at.core) else { continue };
            let store = core.engine.store_mut();
            let mut held = |name: &Vec<u8>| {
                let key = store.key(DatabaseId(0), name);
                let found = store.find(&key)?;
                let (value, mut bytes) = (store.value(&found), Vec::new());
                value.copy_range(0, value.len(), &mut bytes);
                Some(bytes)
            };
            copies.push((node.id, names.iter().map(&mut held).collect()));
        }
        copies
    }
}
