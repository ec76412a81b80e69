//! A full disk on one of three nodes: the others lead and take writes, and room brings it back.

use std::collections::BTreeMap;

use serde_json::json;

use super::client::show;
use super::cluster_harness::Cluster;
use super::disk::may_mount;
use super::harness::wait_for;

const MIB: u64 = 1 << 20;
const VALUE_BYTES: usize = 50_000;

#[test]
fn a_node_with_a_full_disk_gives_its_leads_away() {
    if !may_mount() {
        return;
    }
    let plan = Cluster::plan(3).at("/settings/segment_bytes", json!("1MiB"));
    let mut cluster = plan.tmpfs(3, 64 * MIB, 40 * MIB).start();
    let (mut routed, mut written) = (cluster.routed(), BTreeMap::new());
    let mut write = |prefix: &str, number: u32| {
        let (key, value) = (format!("{prefix}:{number}"), vec![b'v'; VALUE_BYTES]);
        let reply = show(&routed.call(&[b"SET", key.as_bytes(), &value]));
        // What is refused meanwhile is not there, or what was there before.
        assert!(reply == "OK" || reply.contains("MISCONF"), "{reply}");
        let is_taken = reply == "OK";
        if is_taken {
            written.insert(key, Some(value));
        }
        is_taken
    };
    let mut number = 0;
    while !cluster.log(3).contains("no segment of 1048576 bytes can be made") {
        write("fill", number);
        number += 1;
        assert!(number < 2_000, "the disk takes more than it has");
    }
    wait_for("the leads to go over", || {
        (0..16384).step_by(256).all(|slot| cluster.leader_by(1, slot).is_some_and(|it| it != 3))
    });
    // Every write is taken, though only two nodes have room; a node that is elected while it has none gives the lead away at once.
    let mut refused = 0;
    for number in 0..100 {
        wait_for("a write where there is room", || {
            let is_taken = write("after", number);
            refused += u32::from(!is_taken);
            is_taken
        });
    }
    assert!(refused < 10, "{refused} of 100 were refused: who has no room leads again and again");
    assert!(cluster.is_alive(3));
    cluster.drop_ballast(3);
    cluster.wait_copies(3, &written);
    wait_for("the node to lead again", || {
        (0..16384).step_by(256).any(|slot| cluster.leader_by(1, slot) == Some(3))
    });
    cluster.routed().expect_all(&written);
}
