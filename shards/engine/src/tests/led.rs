//! Tests of questions to the leaders of partitions, some of which are others by now.

use super::three::{Cluster, NODES, PARTITIONS};
use crate::command::{CommandError, Gather, Part};
use crate::effect::{Answer, Ticket};
use hyperion_model::{DatabaseId, PartitionId, slot_of};

impl Cluster {
    /// Has a node flush, for one that takes it for the leader of these.
    fn flush(&mut self, node: usize, led: &[PartitionId]) -> Part {
        let (asked, words) = ((Gather::Flush, DatabaseId(0)), [b"flushall".to_vec()]);
        self.nodes[node].machine.engine.begin_gather_of(Ticket(1), asked, &words, led);
        for _ in 0..100 {
            self.round();
            if let Some(answer) = self.nodes[node].answers.pop() {
                let Answer::Gathered { mut parts, .. } = answer else { panic!("{answer:?}") };
                assert_eq!(parts.len(), 1, "one core");
                return parts.remove(0);
            }
        }
        panic!("the flush is not answered");
    }
}

/// A lead has gone from one node to another, and who asks both knows of it too late: neither says that its part is done while keys are left.
#[test]
fn a_flush_is_refused_by_who_does_not_lead_what_it_is_asked_for() {
    let mut cluster = Cluster::new();
    let names: Vec<String> = (0..40).map(|number| format!("key{number}")).collect();
    let partition = |cluster: &Cluster, name: &str| {
        cluster.nodes[0].machine.engine.map().partition_of(slot_of(name.as_bytes()))
    };
    let mut led: Vec<Vec<PartitionId>> = vec![Vec::new(); NODES];
    for name in &names {
        let (leader, _) = cluster.ask(&format!("set {name} 1"));
        let partition = partition(&cluster, name);
        if !led[leader].contains(&partition) {
            led[leader].push(partition);
        }
    }
    let all: Vec<PartitionId> = (0..PARTITIONS).map(PartitionId).collect();
    assert_eq!(led.iter().map(Vec::len).sum::<usize>(), all.len(), "{led:?}");
    let node = (0..NODES).max_by_key(|&node| led[node].len()).expect("there are three");
    // Somebody else leads one of them.
    let one = led[node][0];
    let next = (node + 1) % NODES;
    let refused = Part::Refused(CommandError::TryAgain.to_string());
    for asked in [&all, &vec![one]] {
        assert_eq!(cluster.flush(next, asked), refused, "{asked:?}");
    }
    for name in &names {
        assert_eq!(cluster.ask(&format!("get {name}")).1, "$1", "{name}: nothing was done");
    }
    let own = led[node].clone();
    assert_eq!(cluster.flush(node, &own), Part::Done);
    for name in &names {
        let is_gone = own.contains(&partition(&cluster, name));
        assert_eq!(
            cluster.ask(&format!("get {name}")).1,
            if is_gone { "$-1" } else { "$1" },
            "{name}"
        );
    }
    for node in 0..NODES {
        assert_eq!(cluster.flush(node, &[]), Part::Done, "whatever it leads");
    }
    for name in &names {
        assert_eq!(cluster.ask(&format!("get {name}")).1, "$-1", "{name}");
    }
}
