//! Tests of replicated partitions whose leader has no room for another segment.

use super::three::Cluster;

const VALUE_BYTES: usize = 20_000;

/// A key of the one partition that these tests use.
fn key(number: usize) -> String {
    format!("{{tag}}{number}")
}

impl Cluster {
    /// Fills the log of the leader until it takes nothing more, however small. Gives the number of keys.
    fn fill(&mut self) -> usize {
        let value = "v".repeat(VALUE_BYTES);
        let (leader, _) = self.ask(&format!("set {} {value}", key(0)));
        self.nodes[leader].machine.is_full = true;
        let mut keys = 1;
        for bytes in [VALUE_BYTES, 1_000, 50, 1] {
            loop {
                let line = format!("set {} {}", key(keys), &value[..bytes]);
                let is_taken = (0..10).any(|_| {
                    self.round();
                    self.try_on_one(leader, &line).is_some()
                });
                if !is_taken {
                    break;
                }
                keys += 1;
            }
        }
        self.nodes[leader].machine.engine.store_mut().set_full(true);
        keys
    }
}

#[test]
fn deletions_are_done_on_a_full_disk() {
    let mut cluster = Cluster::new();
    let keys = cluster.fill();
    assert!(keys > 20, "{keys} keys");
    for number in 0..20 {
        assert_eq!(cluster.ask(&format!("del {}", key(number))).1, ":1", "{number} of {keys}");
    }
}
