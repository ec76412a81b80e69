//! The cluster as clients read it.

use hyperion_model::PartitionMap;
use hyperion_wire::Protocol;

use crate::cluster::{ClusterView, ViewNode, ViewPartition, cluster};
use crate::front::Replies;

fn view() -> ClusterView {
    let node = |id: u32| ViewNode {
        id,
        uuid: format!("0000000{id}-0000-4000-8000-000000000000"),
        addresses: vec![
            format!("10.0.0.{id}:7400").parse().unwrap(),
            format!("10.0.0.{id}:7401").parse().unwrap(),
        ],
        secured: (id == 2).then(|| "10.0.0.2:7500".parse().unwrap()),
        map: PartitionMap::spread(4, 2),
        is_up: id != 3,
        is_log_only: false,
    };
    let partition = |leader: Option<usize>| ViewPartition { leader, replicas: vec![0, 1, 2] };
    ClusterView {
        own: 0,
        nodes: vec![node(1), node(2), node(3)],
        partitions: vec![
            partition(Some(0)),
            partition(Some(1)),
            partition(Some(1)),
            partition(None),
        ],
        epoch: 7,
    }
}

fn answer(view: &ClusterView, name: &str, words: &[&[u8]]) -> Result<String, String> {
    let mut bytes = Vec::new();
    cluster(view, true, None, name, words, &mut Replies::new(&mut bytes, Protocol::Resp2))?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[test]
fn slots_name_the_address_of_the_core_that_serves_them() {
    let text = answer(&view(), "slots", &[]).unwrap();
    let runs: Vec<&str> = text.strip_prefix("*3\r\n").unwrap().split("*3\r\n:").collect();
    assert_eq!(runs.len(), 4, "three partitions have a leader: {text}");
    let map = PartitionMap::spread(4, 2);
    for (run, partition, node) in [(1, 0_u16, 1), (2, 1, 2), (3, 2, 2)] {
        let core = map.owner(hyperion_model::PartitionId(partition)).0;
        let (first, last) = (partition * 4096, partition * 4096 + 4095);
        let begins =
            format!("{first}\r\n:{last}\r\n*4\r\n$8\r\n10.0.0.{node}\r\n:{}\r\n", 7400 + core);
        assert!(runs[run].starts_with(&begins), "partition {partition}: {}", runs[run]);
    }
}

#[test]
fn nodes_lists_every_core_once_and_marks_who_was_asked_and_who_is_gone() {
    let text = answer(&view(), "nodes", &[]).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("master")).collect();
    assert_eq!(lines.len(), 6, "{text}");
    assert_eq!(lines.iter().filter(|line| line.contains("myself")).count(), 1);
    assert_eq!(
        lines.iter().filter(|line| line.contains("fail")).count(),
        2,
        "node 3 has two cores"
    );
    let name = lines[0].split(' ').next().unwrap();
    assert_eq!(name.trim_start_matches("$").len(), 40, "{name}");
    assert!(lines[0].contains(" 0-4095"), "{}", lines[0]);
}

#[test]
fn a_node_that_is_not_settled_is_not_ok() {
    let mut view = view();
    view.partitions[3].leader = Some(2);
    for (is_settled, fact) in [(true, "cluster_state:ok"), (false, "cluster_state:fail")] {
        let mut bytes = Vec::new();
        let reply = &mut Replies::new(&mut bytes, Protocol::Resp2);
        cluster(&view, is_settled, None, "info", &[], reply).unwrap();
        assert!(String::from_utf8(bytes).unwrap().contains(fact), "{fact}");
    }
}

#[test]
fn a_partition_without_a_leader_is_told() {
    let text = answer(&view(), "info", &[]).unwrap();
    for fact in ["cluster_state:fail", "cluster_slots_assigned:12288", "cluster_known_nodes:6"] {
        assert!(text.contains(fact), "{fact} in {text}");
    }
    assert!(view().moved(16_383, false).starts_with("CLUSTERDOWN"));
    assert!(view().moved(0, false).starts_with("TRYAGAIN"), "this node leads it");
    let map = PartitionMap::spread(4, 2);
    let port = 7400 + map.owner(hyperion_model::PartitionId(1)).0;
    assert_eq!(view().moved(5000, false), format!("MOVED 5000 10.0.0.2:{port}"));
}

#[test]
fn replicas_are_the_others_that_are_up_and_have_copies_of_what_is_led_here() {
    let mut view = view();
    assert_eq!(view.copies_elsewhere(), [1], "node 3 is down");
    view.nodes[2].is_up = true;
    assert_eq!(view.copies_elsewhere(), [1, 2]);
    view.partitions[0].replicas = vec![0];
    assert_eq!(view.copies_elsewhere(), [0; 0], "one copy");
    view.partitions[0].leader = Some(1);
    assert_eq!(view.copies_elsewhere(), [0; 0], "nothing is led here");
}

#[test]
fn what_the_config_decides_is_refused_with_the_way_to_do_it() {
    assert!(answer(&view(), "meet", &[]).unwrap_err().contains("POST /config"));
    assert!(answer(&view(), "dance", &[]).unwrap_err().starts_with("ERR "));
    assert_eq!(answer(&view(), "keyslot", &[b"foo"]).unwrap(), ":12182\r\n");
}

/// Clients that speak TLS are sent to where a node does.
#[test]
fn who_speaks_tls_is_told_of_it() {
    assert_eq!(view().moved(5000, true), "MOVED 5000 10.0.0.2:7500");
    let secured = view().of_secured();
    assert_eq!(
        secured.endpoints().count(),
        view().endpoints().count() - 1,
        "it stands for both cores"
    );
    let slots = answer(&secured, "slots", &[]).expect("it is there");
    assert!(slots.contains(":7500\r\n") && slots.contains(":7400\r\n"), "{slots}");
}
