//! Owns what must hold while things go wrong: one leader a term.

use super::Violation;
use hyperion_model::PartitionId;
use std::collections::BTreeMap;

/// Who led each partition in each term.
#[derive(Debug, Default)]
pub(super) struct Terms(BTreeMap<(PartitionId, u64), u32>);

impl Terms {
    /// A node leads these partitions in these terms.
    pub(super) fn note(&mut self, node: u32, led: &[(PartitionId, u64)]) -> Result<(), Violation> {
        for &(partition, term) in led {
            let other = *self.0.entry((partition, term)).or_insert(node);
            if other != node {
                return Err(format!(
                    "partition {}: nodes {other} and {node} both lead in term {term}",
                    partition.0
                ));
            }
        }
        Ok(())
    }
}
