//! Owns tests of damaged data: what check-data says of it, what a start refuses, and what a repair saves.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::harness::{Node, Setup};

const KEYS: u32 = 1_000;
const SEGMENT_BYTES: u64 = 1 << 20;

fn check_data(data: &Path) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hyperiond"))
        .arg("check-data")
        .arg("--data")
        .arg(data)
        .output()
        .expect("the binary is built");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("it ends"), String::from_utf8_lossy(&said).into_owned())
}

fn value(number: u32, round: u32) -> String {
    format!("{number}-{round}-").repeat(300)
}

/// A node with some segments, stopped: every key was written twice, a batch each, and `gone` was deleted.
fn filled(setup: Setup) -> Node {
    let mut node = setup.start();
    let mut client = node.client();
    client.expect(&[("SET gone 1", "OK"), ("DEL gone", "1")]);
    for round in 0..2 {
        for number in 0..KEYS {
            client.expect(&[(&format!("SET key:{number} {}", value(number, round)), "OK")]);
        }
    }
    assert_eq!(node.stop(), 0);
    node
}

fn flip(path: &Path, offset: u64) {
    let file = File::options().read(true).write(true).open(path).expect("it is there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).expect("it is long enough");
    file.write_all_at(&[byte[0] ^ 0x10], offset).expect("the disk has room");
}

/// All files below a folder and what they hold, but the lock.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("it is there") {
        let path = entry.expect("it reads").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if path.file_name().is_some_and(|name| name != "LOCK") {
            found.push((path.clone(), fs::read(&path).expect("it reads")));
        }
    }
    found.sort();
    found
}

fn repair(node: &mut Node) -> Option<Value> {
    node.set_flag("--repair", true);
    node.start();
    node.set_flag("--repair", false);
    let mut reports: Vec<PathBuf> = fs::read_dir(node.data().join("quarantine"))
        .ok()?
        .map(|entry| entry.expect("it reads").path().join("report.json"))
        .collect();
    reports.sort();
    let text = fs::read_to_string(reports.last()?).expect("a report was written");
    Some(serde_json::from_str(&text).expect("it is JSON"))
}

/// Every key has its last value, but for those in `may_be_older`. Gives how many are older.
fn expect_keys(node: &Node, may_be_older: impl Fn(u32) -> bool) -> u32 {
    let mut client = node.client();
    let mut older = 0;
    for number in 0..KEYS {
        let found = client.ask(&format!("GET key:{number}"));
        if found != value(number, 1) {
            assert!(may_be_older(number), "key:{number} has changed");
            assert!(
                found == value(number, 0) || found == "nil",
                "key:{number} is torn: {found:.60}"
            );
            older += 1;
        }
    }
    older
}

#[test]
fn sound_data_is_called_sound_and_nothing_is_written() {
    let Some(setup) = Setup::two_cores() else { return };
    let mut node = setup.start();
    let mut client = node.client();
    for number in 0..200 {
        client.expect(&[(&format!("SET key:{number} x"), "OK")]);
    }
    let (code, said) = check_data(&node.data());
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("is locked by process"), "{said}");
    assert_eq!(node.stop(), 0);
    let before = contents(&node.data());
    let (code, said) = check_data(&node.data());
    assert_eq!(code, 0, "{said}");
    assert!(said.ends_with("\nsound\n"), "{said}");
    let keys: u32 = said
        .lines()
        .skip_while(|line| !line.starts_with("core "))
        .skip(1)
        .map_while(|line| line.split_whitespace().nth(4)?.parse::<u32>().ok())
        .sum();
    assert_eq!(keys, 200, "{said}");
    assert!(contents(&node.data()) == before, "something was written");
}

#[test]
fn a_repair_saves_all_but_the_damaged_batch() {
    let mut node = filled(Setup::new());
    let path = node.segments(0).remove(1);
    flip(&path, SEGMENT_BYTES / 2);
    let damaged = fs::read(&path).expect("it reads");
    let (code, said) = check_data(&node.data());
    assert_eq!(code, 65, "{said}");
    assert!(said.contains(&format!("{}: damaged from offset", path.display())), "{said}");
    assert!(said.contains("up to 1 records"), "{said}");
    // A start counts as check-data does: what lies behind is whole.
    let (code, said) = node.refusal();
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("up to 1 records there are concerned"), "{said}");
    assert!(said.contains("start with --repair"), "{said}");

    let report = repair(&mut node).expect("there was damage");
    assert_eq!(report["records_lost_max"], 1, "{report:#}");
    assert_eq!(report["damaged_places"][0]["core"], 0, "{report:#}");
    let kept = report["damaged_places"][0]["quarantined"].as_str().expect("a path").to_owned();
    let time = report["time"].as_str().expect("a time");
    let kept = node.data().join("quarantine").join(time).join(kept);
    assert!(fs::read(kept).expect("it is there") == damaged, "the damaged file was not kept whole");
    // One record is lost: the first value of some key, which has a second.
    assert!(expect_keys(&node, |_| true) <= 1);
    node.client().expect(&[("EXISTS gone", "0"), ("DBSIZE", &KEYS.to_string())]);
    node.kill_and_start();
    assert!(expect_keys(&node, |_| true) <= 1);
    assert_eq!(node.stop(), 0);
    assert_eq!(check_data(&node.data()).0, 0);
}

#[test]
fn damage_on_one_core_costs_nothing_on_another() {
    let Some(setup) = Setup::two_cores() else { return };
    let mut node = filled(setup);
    let paths = node.segments(1);
    flip(&paths[0], SEGMENT_BYTES / 2);
    let (code, said) = check_data(&node.data());
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("1 place is damaged"), "{said}");
    let report = repair(&mut node).expect("there was damage");
    assert_eq!(report["damaged_places"][0]["core"], 1, "{report:#}");
    let lost = report["records_lost_max"].as_u64().expect("a number");
    assert!(lost <= 2, "{report:#}");
    assert!(u64::from(expect_keys(&node, |_| true)) <= lost);
    assert_eq!(node.stop(), 0);
    assert_eq!(check_data(&node.data()).0, 0);
    node.start();
    assert!(u64::from(expect_keys(&node, |_| true)) <= lost);
}

#[test]
fn a_repair_of_sound_data_changes_nothing() {
    let mut node = filled(Setup::new());
    assert_eq!(repair(&mut node), None);
    assert_eq!(expect_keys(&node, |_| false), 0);
}

#[test]
fn a_flipped_bit_in_a_head_is_mended() {
    let mut node = filled(Setup::new());
    let path = node.segments(0).remove(1);
    flip(&path, 30);
    let (code, said) = node.refusal();
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("records in it are concerned"), "{said}");
    assert_eq!(check_data(&node.data()).0, 65);
    let report = repair(&mut node).expect("there was damage");
    assert_eq!(report["records_lost_max"], 0, "{report:#}");
    assert_eq!(expect_keys(&node, |_| false), 0);
    node.kill_and_start();
    assert_eq!(expect_keys(&node, |_| false), 0);
}

#[test]
fn a_head_of_zeros_is_refused_and_worked_out() {
    let mut node = filled(Setup::new());
    let path = node.segments(0).remove(1);
    let file = File::options().write(true).open(&path).expect("it is there");
    file.write_all_at(&[0; 4096], 0).expect("the disk has room");
    let (code, said) = node.refusal();
    assert_eq!(code, 65, "{said}");
    assert!(said.contains(&format!("{}: its header is all zeros", path.display())), "{said}");
    assert_eq!(check_data(&node.data()).0, 65);
    let report = repair(&mut node).expect("there was damage");
    assert_eq!(report["records_lost_max"], 0, "{report:#}");
    assert_eq!(expect_keys(&node, |_| false), 0);
    node.kill_and_start();
    assert_eq!(expect_keys(&node, |_| false), 0);
}

#[test]
fn a_flipped_bit_in_the_manifest_is_mended() {
    let mut node = filled(Setup::new());
    for offset in [9, 24, 45, 62] {
        flip(&node.data().join("MANIFEST"), offset);
        let (code, said) = node.refusal();
        assert_eq!(code, 65, "{said}");
        assert!(said.contains("MANIFEST is damaged"), "{said}");
        assert_eq!(check_data(&node.data()).0, 65);
        node.set_flag("--repair", true);
        node.start();
        node.set_flag("--repair", false);
        assert_eq!(expect_keys(&node, |_| false), 0);
        node.kill_and_start();
        assert_eq!(node.stop(), 0);
    }
}

#[test]
fn a_repair_that_was_killed_is_begun_again() {
    let mut node = filled(Setup::new());
    let path = node.segments(0).remove(1);
    flip(&path, SEGMENT_BYTES / 2);
    node.set_flag("--repair", true);
    for delay_ms in [5, 20, 40, 80, 120, 160] {
        node.launch();
        std::thread::sleep(std::time::Duration::from_millis(delay_ms));
        node.kill();
    }
    node.start();
    assert!(expect_keys(&node, |_| true) <= 1);
    node.set_flag("--repair", false);
    node.kill_and_start();
    assert!(expect_keys(&node, |_| true) <= 1);
    node.client().expect(&[("DBSIZE", &KEYS.to_string())]);
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let mut node = filled(Setup::new());
    let segment = node.segments(0).remove(1);
    for path in [segment, node.data().join("MANIFEST")] {
        let right = fs::read(&path).expect("it reads");
        let mut newer = right.clone();
        newer[8..10].copy_from_slice(&7_u16.to_le_bytes());
        // A later format may have its checksum elsewhere.
        newer[48] ^= 0xff;
        fs::write(&path, &newer).expect("the disk has room");
        for repairs in [false, true] {
            node.set_flag("--repair", repairs);
            let (code, said) = node.refusal();
            assert_eq!(code, 65, "{said}");
            let name = path.file_name().expect("a name").to_string_lossy();
            let sentence = said.lines().last().unwrap_or_default();
            for part in [&*name, "version 7", "knows version 1", "start the release that wrote it"]
            {
                assert!(sentence.contains(part), "{part} is missing: {said}");
            }
        }
        node.set_flag("--repair", false);
        assert_eq!(check_data(&node.data()).0, 65);
        assert!(fs::read(&path).expect("it reads") == newer, "it was changed");
        fs::write(&path, &right).expect("the disk has room");
    }
    node.start();
    assert_eq!(expect_keys(&node, |_| false), 0);
}

#[test]
fn segments_of_another_node_are_not_repaired_away() {
    let mut node = filled(Setup::new());
    let other = filled(Setup::new());
    node.set_flag("--repair", true);
    let path = node.data().join("MANIFEST");
    let right = fs::read(&path).expect("it reads");
    fs::copy(other.data().join("MANIFEST"), &path).expect("the disk has room");
    let segments = |node: &Node| -> Vec<Vec<u8>> {
        node.segments(0).iter().map(|path| fs::read(path).expect("it reads")).collect()
    };
    let before = segments(&node);
    let (code, said) = node.refusal();
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("belong to another node than MANIFEST says"), "{said}");
    assert_eq!(check_data(&node.data()).0, 65);
    assert!(segments(&node) == before, "something was written");
    fs::write(&path, &right).expect("the disk has room");
    node.set_flag("--repair", false);
    node.start();
    assert_eq!(expect_keys(&node, |_| false), 0);
}

#[test]
fn what_is_no_data_is_said_in_one_sentence() {
    let node = Setup::new().prepare();
    let empty = node.data().join("empty");
    fs::create_dir(&empty).expect("the folder is new");
    let file = empty.join("file");
    for (path, what) in [
        (node.data().join("nowhere"), "there is no such folder"),
        (empty.clone(), "it has no MANIFEST and no segments"),
        (file.clone(), "it is not a folder"),
    ] {
        if path == file {
            fs::write(&file, "").expect("the folder may be written");
        }
        let (code, said) = check_data(&path);
        assert_eq!(code, 64, "{said}");
        let expected =
            format!("hyperiond: there is no data in {}: {what}; correct --data\n", path.display());
        assert_eq!(said, expected);
    }
}

#[test]
fn a_segment_that_is_cut_short_is_damage_at_any_length() {
    let mut node = filled(Setup::new());
    let paths = node.segments(0);
    for path in [&paths[0], &paths[1], &paths[paths.len() / 2], &paths[paths.len() - 1]] {
        let right = fs::read(path).expect("it reads");
        for length in [0, 1, 67, 68, 4_095, 4_096, 4_128, SEGMENT_BYTES / 2, SEGMENT_BYTES - 1] {
            let file = File::options().write(true).open(path).expect("it is there");
            file.set_len(length).expect("it gets shorter");
            let (code, said) = node.refusal();
            assert_eq!(code, 65, "{length}: {said}");
            let expected = format!("{}: the file is cut short", path.display());
            assert!(said.contains(&expected), "{length}: {said}");
            let (code, said) = check_data(&node.data());
            assert_eq!(code, 65, "{length}: {said}");
            assert!(said.contains(&expected), "{length}: {said}");
            assert_eq!(fs::metadata(path).expect("it is there").len(), length);
            fs::write(path, &right).expect("the disk has room");
        }
    }
    // A repair keeps it, says so, and goes on with the rest.
    let file = File::options().write(true).open(&paths[1]).expect("it is there");
    file.set_len(0).expect("it gets shorter");
    let report = repair(&mut node).expect("there was damage");
    let bad = &report["damaged_files"][0];
    assert_eq!(bad["what"], "the file is cut short", "{report:#}");
    assert_eq!(bad["saved"], "nothing", "{report:#}");
    expect_keys(&node, |_| true);
    node.kill_and_start();
    assert_eq!(node.stop(), 0);
    assert_eq!(check_data(&node.data()).0, 0);
}

#[test]
fn a_segment_whose_making_was_cut_short_is_no_damage() {
    let mut node = filled(Setup::new());
    let last = node.segments(0).len() as u64;
    // The next one's name too: the node makes it.
    let left = [last + 1, last + 2, 99].map(|id| {
        let path = node.data().join(format!("core-000/segment-{id:08}.unfinished"));
        fs::write(&path, [0; 100]).expect("the disk has room");
        path
    });
    assert_eq!(check_data(&node.data()).0, 0);
    node.start();
    assert!(left.iter().all(|path| !path.exists()));
    assert_eq!(expect_keys(&node, |_| false), 0);
}

#[test]
fn the_missing_folder_of_a_core_is_missed() {
    let Some(setup) = Setup::two_cores() else { return };
    let mut node = filled(setup);
    let folder = node.data().join("core-001");
    fs::rename(&folder, node.folder().join("lost")).expect("the folder is ours");
    let (code, said) = node.refusal();
    assert_eq!(code, 65, "{said}");
    assert!(said.contains(&format!("{} is missing", folder.display())), "{said}");
    assert!(!folder.exists());
    let (code, said) = check_data(&node.data());
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("the folder is missing"), "{said}");

    let report = repair(&mut node).expect("there was damage");
    assert_eq!(report["damaged_files"][0]["core"], 1, "{report:#}");
    let kept: u32 = node.client().ask("DBSIZE").parse().expect("a number");
    assert!(kept > KEYS / 4 && kept < KEYS / 4 * 3, "{kept}");
    assert_eq!(expect_keys(&node, |_| true), KEYS - kept);
    node.kill_and_start();
    assert_eq!(node.stop(), 0);
    assert_eq!(check_data(&node.data()).0, 0);
}

#[test]
fn a_segment_that_is_gone_is_missed() {
    let mut node = filled(Setup::new());
    for part in 0..3 {
        // A start removes those that were made ahead.
        let paths = node.segments(0);
        let path = &paths[part * (paths.len() - 1) / 2];
        let right = fs::read(path).expect("it reads");
        fs::remove_file(path).expect("it is there");
        let (code, said) = node.refusal();
        assert_eq!(code, 65, "{said}");
        let expected = format!("{} is missing, and with it what it held", path.display());
        assert!(said.contains(&expected) && said.contains("--repair"), "{said}");
        let (code, said) = check_data(&node.data());
        assert_eq!(code, 65, "{said}");
        let expected = format!("{}: the file is missing", path.display());
        assert!(said.contains(&expected) && said.contains("1 place is damaged"), "{said}");
        fs::write(path, right).expect("the disk has room");
        node.start();
        assert_eq!(expect_keys(&node, |_| false), 0);
        node.kill();
    }
    // What the others have is saved, and nothing is missed any more.
    fs::remove_file(&node.segments(0)[1]).expect("it is there");
    let report = repair(&mut node).expect("something is damaged");
    let file = &report["damaged_files"][0];
    assert_eq!((file["saved"].as_str(), &file["quarantined"]), (Some("nothing"), &Value::Null));
    let saved = node.client().ask("DBSIZE");
    node.kill_and_start();
    node.client().expect(&[("DBSIZE", &saved)]);
    assert_eq!(node.stop(), 0);
    assert_eq!(check_data(&node.data()).0, 0);
}

/// Opening a pipe would wait for its other end.
#[test]
fn a_pipe_in_the_place_of_a_segment_is_damage() {
    let mut node = filled(Setup::new());
    let path = node.segments(0).remove(0);
    fs::remove_file(&path).expect("it is there");
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo is there");
    assert!(made.success());
    let (code, said) = node.refusal();
    assert_eq!(code, 65, "{said}");
    assert!(said.contains("it is no regular file"), "{said}");
    let (code, said) = check_data(&node.data());
    assert!(code > 0 && said.contains("it is no regular file"), "{code}: {said}");
    // It is put aside, so that the next start is one as any other.
    repair(&mut node).expect("something is damaged");
    node.kill_and_start();
    assert_eq!(node.stop(), 0);
    assert_eq!(check_data(&node.data()).0, 0);
}
