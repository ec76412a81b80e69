//! Replicas whose files were damaged and repaired: they get from the others what they have lost, and do not pass what was saved off as all.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use hyperion_model::slot_of;
use serde_json::json;

use super::cluster_harness::Cluster;
use super::cluster_members::Keys;

const LOST: &[u8] = b"the newest value, whose record is damaged on some nodes";

/// Turns a bit of each place below a folder that holds these bytes. Gives how many there are.
fn damage(folder: &Path, bytes: &[u8]) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("it reads").path();
        if path.is_dir() {
            count += damage(&path, bytes);
        } else if let Ok(all) = fs::read(&path) {
            for (at, _) in all.windows(bytes.len()).enumerate().filter(|(_, it)| *it == bytes) {
                let file = File::options().write(true).open(&path).expect("it is there");
                file.write_all_at(&[all[at] ^ 0x10], at as u64).expect("the disk has room");
                count += 1;
            }
        }
    }
    count
}

/// A cluster of three with a key whose newest record is in the middle of the logs.
fn written() -> (Cluster, Keys) {
    let cluster = Cluster::plan(3).start();
    let (mut routed, mut written) = (cluster.routed(), Keys::new());
    let mut set = |key: String, value: &[u8]| {
        routed.set(&key, value);
        written.insert(key, Some(value.to_vec()));
    };
    set("kept".to_owned(), b"an older value");
    set("kept".to_owned(), LOST);
    for round in 0..5 {
        // Later batches tell that it had been durable.
        sleep(Duration::from_millis(100));
        (0..100).for_each(|number| set(format!("k{number}"), format!("v{round}").as_bytes()));
    }
    cluster.numbers().for_each(|node| cluster.wait_copies(node, &written));
    (cluster, written)
}

fn damage_and_repair(cluster: &mut Cluster, nodes: &[u32]) {
    for &node in nodes {
        cluster.kill(node);
        assert!(damage(&cluster.data(node), LOST) > 0);
        cluster.launch(node);
        let (code, said) = cluster.wait_end(node);
        assert_eq!(code, 65, "{said}");
    }
    for &node in nodes {
        cluster.start_again_as(node, &["--node", &format!("n{node}"), "--repair"]);
    }
}

#[test]
fn a_repaired_replica_takes_all_anew() {
    let (mut cluster, written) = written();
    damage_and_repair(&mut cluster, &[2]);
    cluster.wait_served();
    cluster.wait_copies(2, &written);
    // What it has is worth as much as the others' again, after another start too.
    cluster.kill(2);
    cluster.start_again(2);
    cluster.wait_copies(2, &written);
    cluster.kill(1);
    cluster.routed().expect_all(&written);
}

#[test]
fn a_replica_whose_file_is_gone_is_refused_and_takes_all_anew() {
    let (mut cluster, written) = written();
    cluster.kill(2);
    let folder = cluster.data(2).join("core-000");
    fs::remove_file(folder.join("segment-00000001.hyp")).expect("it is there");
    cluster.launch(2);
    let (code, said) = cluster.wait_end(2);
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("segment-00000001.hyp is missing"), "{said}");
    cluster.start_again_as(2, &["--node", "n2", "--repair"]);
    cluster.wait_served();
    cluster.wait_copies(2, &written);
    cluster.kill(1);
    cluster.routed().expect_all(&written);
}

/// All that a core had is gone: its replicas do not begin as if their groups were new.
#[test]
fn a_replica_of_which_nothing_is_left_takes_all_anew() {
    let (mut cluster, written) = written();
    cluster.kill(2);
    for entry in fs::read_dir(cluster.data(2)).expect("it is there") {
        let path = entry.expect("it reads").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("core-")) {
            fs::remove_dir_all(path).expect("the folder is ours");
        }
    }
    // Who is whole is not outvoted by who is whole no more.
    cluster.kill(3);
    cluster.start_again_as(2, &["--node", "n2", "--repair"]);
    sleep(Duration::from_secs(4));
    let said = cluster.client(2).ask("CLUSTER INFO");
    assert!(said.contains("cluster_state:fail"), "{said}");
    cluster.start_again(3);
    cluster.wait_served();
    cluster.wait_copies(2, &written);
}

#[test]
fn where_two_of_three_were_repaired_the_third_has_all() {
    let (mut cluster, written) = written();
    damage_and_repair(&mut cluster, &[1, 3]);
    cluster.wait_served();
    cluster.numbers().for_each(|node| cluster.wait_copies(node, &written));
    cluster.kill(2);
    cluster.routed().expect_all(&written);
}

#[test]
fn where_all_were_repaired_what_could_be_saved_is_served() {
    let (mut cluster, mut written) = written();
    damage_and_repair(&mut cluster, &[1, 2, 3]);
    cluster.wait_served();
    let mut routed = cluster.routed();
    let saved = routed.call(&[b"GET", b"kept"]);
    let said: String = cluster.numbers().map(|node| cluster.log(node)).collect();
    assert!(said.contains("goes on with what was saved of it here"), "{said}");
    written.remove("kept");
    routed.expect_all(&written);
    cluster.numbers().for_each(|node| cluster.wait_copies(node, &written));
    // All copies are the same, whatever was saved.
    cluster.kill(1);
    assert_eq!(format!("{:?}", cluster.routed().call(&[b"GET", b"kept"])), format!("{saved:?}"));
}

/// Nobody else has what this node has: what could be saved is served at once.
#[test]
fn the_only_copy_goes_on_with_what_was_saved() {
    let mut cluster =
        Cluster::plan(3).at("/mode", json!("sharding")).at("/replication", json!(1)).start();
    let (mut routed, mut written) = (cluster.routed(), Keys::new());
    for (key, value) in [("kept", &b"an older value"[..]), ("kept", LOST)] {
        routed.set(key, value);
    }
    for round in 0..5 {
        sleep(Duration::from_millis(100));
        for number in 0..100 {
            let (key, value) = (format!("k{number}"), format!("v{round}").into_bytes());
            routed.set(&key, &value);
            written.insert(key, Some(value));
        }
    }
    let node = cluster.leader_of(slot_of(b"kept"));
    damage_and_repair(&mut cluster, &[node]);
    cluster.wait_served();
    cluster.routed().expect_all(&written);
}
