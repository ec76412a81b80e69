//! Owns tests of data and config that cannot be used, and of a disk or memory that is full.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

use serde_json::json;

use super::client::{Client, pipeline, show};
use super::durability::{Writer, expect_written};
use super::harness::{Node, Setup, wait_for};
use super::http_call::get;

const SEGMENT_BYTES: u64 = 1 << 20;

/// Whether this user may mount; where not, the reason is printed.
pub(crate) fn may_mount() -> bool {
    let script = "mount -t tmpfs none /tmp";
    let may = Command::new("unshare").args(["--mount", "sh", "-c", script]).output();
    let may = may.is_ok_and(|output| output.status.success());
    if !may {
        println!("skipped: this user may not mount a tmpfs of its own");
    }
    may
}

#[test]
fn a_damaged_segment_is_named_with_its_offset() {
    let mut node = Setup::new().start();
    let mut client = node.client();
    let value = "v".repeat(4_000);
    // A batch each, and the damage is found at the start of one.
    for number in 0..1_000 {
        client.expect(&[(&format!("SET key:{number} {value}"), "OK")]);
    }
    assert_eq!(node.stop(), 0);
    let path = node.segments(0).remove(0);
    let file = File::options().read(true).write(true).open(&path).expect("it is there");
    let (offset, mut bytes) = (SEGMENT_BYTES / 2, [0; 16]);
    file.read_exact_at(&mut bytes, offset).expect("it is long enough");
    file.write_all_at(&bytes.map(|byte| !byte), offset).expect("the disk has room");
    let (code, log) = node.refusal();
    assert_eq!(code, 65, "{log}");
    let name = path.display().to_string();
    let sentence = log.lines().last().unwrap_or_default();
    assert!(
        sentence.starts_with(&format!("hyperiond: {name}: segment 1 is damaged at offset ")),
        "{log}"
    );
    assert!(sentence.contains("restore the file from a backup"), "{log}");
    let offset_said: u64 = sentence
        .split_once("at offset ")
        .and_then(|(_, rest)| rest.split(':').next()?.parse().ok())
        .expect("a number");
    assert!(offset_said <= offset && offset < offset_said + 5_000, "{offset_said}, not {offset}");
    // The bytes back, and all is well.
    file.write_all_at(&bytes, offset).expect("the disk has room");
    node.start();
    node.client().expect(&[("DBSIZE", "1000"), ("GET key:500", &value)]);
}

#[test]
fn a_segment_that_is_not_ours_is_refused() {
    let mut node = Setup::new().start();
    node.client().expect(&[("SET a 1", "OK")]);
    node.kill();
    let path = node.segments(0).remove(0);
    let file = File::options().write(true).open(&path).expect("it is there");
    file.write_all_at(&[0xff; 16], 8).expect("the disk has room");
    let (code, log) = node.refusal();
    assert_eq!(code, 65, "{log}");
    assert!(log.contains(&path.display().to_string()), "{log}");
    fs::write(node.data().join("MANIFEST"), b"nonsense").expect("the folder is ours");
    let (code, log) = node.refusal();
    assert_eq!(code, 65, "{log}");
    fs::remove_file(node.data().join("MANIFEST")).expect("it is there");
    let (code, log) = node.refusal();
    assert_eq!(code, 65, "{log}");
    assert!(log.contains("has segments but no MANIFEST; restore it from a backup"), "{log}");
}

#[test]
fn a_torn_end_is_cut() {
    let mut node = Setup::new().start();
    let writer = Writer::start(node.resp(), 0);
    writer.wait(200);
    node.kill();
    let (written, _) = writer.end();
    let path = node.segments(0).remove(0);
    let file = File::options().read(true).write(true).open(&path).expect("it is there");
    let mut bytes = vec![0; usize::try_from(SEGMENT_BYTES).expect("it is small")];
    file.read_exact_at(&mut bytes, 0).expect("it is whole");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("it has bytes") as u64;
    // What a torn write leaves behind the last batch.
    file.write_all_at(&[0xab; 300], end + 64).expect("the disk has room");
    node.start();
    expect_written(&mut node.client(), written);
}

#[test]
fn a_data_folder_in_use_is_refused() {
    let mut node = Setup::new().start();
    let other = Setup::new().flag("--data", node.data().to_str().expect("it is text"));
    // The harness gives a data folder too: the same flag twice is a bad flag.
    let (code, _) = other.refusal();
    assert_eq!(code, 64);
    let output = Command::new(env!("CARGO_BIN_EXE_hyperiond"))
        .arg("--config")
        .arg(node.config_path())
        .arg("--data")
        .arg(node.data())
        .output()
        .expect("the binary is built");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let sentence =
        format!("is locked by process {}; stop that process or use another directory", node.pid());
    assert!(said.contains(&sentence), "{said}");
    node.client().expect(&[("SET a 1", "OK")]);
    node.kill_and_start();
    node.client().expect(&[("GET a", "1")]);
}

#[test]
fn a_config_that_cannot_be_written_is_refused() {
    let mut node = Setup::new().prepare();
    let folder = node.folder().join("config-folder");
    fs::create_dir(&folder).expect("the folder is ours");
    let path = folder.join("config.json");
    fs::write(&path, node.config().to_string()).expect("the folder is ours");
    // The superuser may write anywhere but on a mount that is read only.
    let script =
        "mount --bind \"$1\" \"$1\" && mount -o remount,ro,bind \"$1\" && shift && exec \"$@\"";
    if !may_mount() {
        return;
    }
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(&folder)
        .arg(env!("CARGO_BIN_EXE_hyperiond"))
        .arg("--config")
        .arg(&path)
        .arg("--data")
        .arg(node.data())
        .output()
        .expect("unshare is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    let sentence = format!("the config at {} cannot be written", path.display());
    assert!(
        said.contains(&sentence) && said.contains("give it a file and a folder that it may write"),
        "{said}"
    );
    // The same config where it may be written.
    node.start();
}

#[test]
fn a_config_that_is_wrong_is_refused_with_the_place() {
    let base = || Setup::new();
    for (setup, expected) in [
        (
            base().at("/settings/durabillity", json!("always")),
            "/settings/durabillity: unknown field `durabillity`",
        ),
        (base().at("/nodes/0/sql", json!("x")), "/nodes/0/sql: unknown field `sql`"),
        (
            base().at("/settings/durability", json!("often")),
            "/settings/durability: unknown variant `often`",
        ),
        (
            base().at("/settings/segment_bytes", json!("3MiB")),
            "/settings/segment_bytes: 3MiB is no power of two",
        ),
        (
            base().at("/settings/sync_interval_ms", json!(0)),
            "/settings/sync_interval_ms: 0 is out of range",
        ),
        (
            base().at("/settings/memory_bytes_max", json!("1MiB")),
            "/settings/memory_bytes_max: 1048576 bytes are less",
        ),
        (base().at("/partitions", json!(48)), "/partitions: 48 partitions are not possible"),
        (base().at("/nodes/0/cores", json!("0,0")), "/nodes/0/cores: \"0,0\" names core 0 twice"),
        (base().at("/nodes/0/cores", json!("999")), "/nodes/0/cores: core 999 is not there"),
        (
            base().at("/settings/auth", json!({ "password_hash": "secret" })),
            "/settings/auth/password_hash: the password hash",
        ),
        (
            base().at("/settings/eviction", json!("lru")),
            "/settings/eviction: eviction \"lru\" is not possible",
        ),
    ] {
        let (code, log) = setup.refusal();
        assert!(log.contains(expected), "{expected}: {log}");
        assert_eq!(code, 78, "{log}");
        assert_eq!(log.lines().count(), 1, "one sentence: {log}");
    }
}

#[test]
fn a_config_that_is_no_json_or_not_there_is_refused() {
    let mut node = Setup::new().prepare();
    fs::write(node.config_path(), "{\n  \"epoch\": 1,,\n}").expect("the folder is ours");
    let (code, log) = node.refusal();
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("is not JSON at line 2, column "), "{log}");
    fs::remove_file(node.config_path()).expect("it is there");
    let (code, log) = node.refusal();
    assert_eq!(code, 78, "{log}");
    assert!(log.contains("there is no config at"), "{log}");
}

#[test]
fn what_is_fixed_with_the_data_cannot_change() {
    let mut node = Setup::new().start();
    node.client().expect(&[("SET a 1", "OK")]);
    assert_eq!(node.stop(), 0);
    for (pointer, wrong, right, sentence) in [
        (
            "/partitions",
            json!(32),
            json!(64),
            "with partitions 64, the config says 32; set it back to 64",
        ),
        (
            "/settings/segment_bytes",
            json!("2MiB"),
            json!("1MiB"),
            "with segment_bytes 1048576, the config says 2097152; set it back to 1048576",
        ),
    ] {
        node.edit(&[(pointer, wrong)]);
        let (code, log) = node.refusal();
        assert_eq!(code, 78, "{log}");
        assert!(log.contains(sentence), "{log}");
        node.edit(&[(pointer, right)]);
    }
    node.start();
    node.client().expect(&[("GET a", "1")]);
}

/// Fills the log until a write is refused; gives the number of the key that was, and the answer.
fn fill(client: &mut Client, prefix: &str, value: &str, most: u32) -> (u32, String) {
    for number in 0..most {
        let answer = client.ask(&format!("SET {prefix}:{number} {value}"));
        if answer != "OK" {
            return (number, answer);
        }
    }
    panic!("{most} values of {} bytes were taken", value.len());
}

fn full_disk(setup: Setup) {
    let mut node = setup.tmpfs(8 << 20, 3 << 20).start();
    let value = "v".repeat(50_000);
    let mut client = node.client();
    let (count, refused) = fill(&mut client, "key", &value, 400);
    assert!(
        refused.starts_with("-MISCONF no segment of 1048576 bytes can be made at "),
        "{refused}"
    );
    assert!(refused.ends_with("No space left on device (os error 28); writes are refused until there is room, reads go on"), "{refused}");
    assert!(
        node.log().contains("writes are refused when the segment in use is full"),
        "{}",
        node.log()
    );
    wait_for("the status to say so", || {
        let status = get(node.http(), "/status").json();
        status["writes_refused"].as_str().is_some_and(|why| why.contains("No space left"))
    });
    let metrics = get(node.http(), "/metrics").body;
    assert!(metrics.contains("hyperion_writes_refused{core=\"0\"} 1\n"), "{metrics}");
    assert_eq!(get(node.http(), "/health").status, 200);
    // Reads go on, of this client and of others.
    for number in 0..count {
        client.expect_bytes(&format!("key:{number}"), value.as_bytes());
    }
    let mut other = node.client();
    other.expect(&[
        (&format!("STRLEN key:{}", count - 1), "50000"),
        (&format!("EXISTS key:{count}"), "0"),
    ]);
    assert!(node.is_alive());
    node.drop_ballast();
    wait_for("writes", || client.ask(&format!("SET after {value}")) == "OK");
    other.expect(&[("SET more 1", "OK"), ("STRLEN after", "50000")]);
    let (more, _) = fill(&mut client, "later", &value, 400);
    assert!(more > 30, "3 MiB came free, {more} values were taken");
    for number in 0..count {
        client.expect_bytes(&format!("key:{number}"), value.as_bytes());
    }
}

#[test]
fn a_full_disk_refuses_writes_and_recovers() {
    if may_mount() {
        full_disk(Setup::new());
    }
}

#[test]
fn a_full_disk_refuses_writes_and_recovers_with_always() {
    if may_mount() {
        full_disk(Setup::new().durability("always"));
    }
}

#[test]
fn a_disk_without_room_for_the_start_is_named() {
    if !may_mount() {
        return;
    }
    let (code, log) = Setup::new().tmpfs(1 << 20, 900 << 10).refusal();
    assert_eq!(code, 74, "{log}");
    assert!(
        log.contains(
            "No space left on device (os error 28); make room on the disk, then start again"
        ),
        "{log}"
    );
}

/// Mounts a folder of the node read-only, in a mount namespace of its own, and runs the program there: exit code and standard error.
fn run_read_only(folder: &std::path::Path, arguments: &str) -> (i32, String) {
    let script = format!(
        "mount -t tmpfs none {folder} && mkdir {folder}/core-000 && mount -o remount,ro {folder} && exec {program} {arguments}",
        folder = folder.display(),
        program = env!("CARGO_BIN_EXE_hyperiond"),
    );
    let run = Command::new("unshare").args(["--mount", "sh", "-c", &script]).output();
    let run = run.expect("may_mount() tried it");
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    (run.status.code().expect("it ends by itself"), said)
}

#[test]
fn a_read_only_file_system_is_named_at_the_start() {
    if !may_mount() {
        return;
    }
    let node = Setup::new().prepare();
    let data = node.data();
    let (code, said) = run_read_only(&data, &format!("--data {}", data.display()));
    let sentence = said.lines().last().unwrap_or_default();
    assert_eq!(code, 78, "{said}");
    assert!(
        sentence
            .contains("Read-only file system (os error 30); the file system is mounted read-only"),
        "{said}"
    );
}

fn full_memory(node: &Node, clients: usize) {
    const OUT_OF_MEMORY: &str = "-OOM command not allowed when used memory > 'maxmemory'.";
    let mut client = node.client();
    let value = "v".repeat(30_000);
    let (count, refused) = fill(&mut client, "key", &value, 2_000);
    assert_eq!(refused, OUT_OF_MEMORY);
    assert!(count > 100, "only {count} values fit");
    let mut others: Vec<Client> = (0..clients).map(|_| node.client()).collect();
    for client in &mut others {
        client.expect(&[
            ("STRLEN key:0", "30000"),
            ("EXPIRE key:0 1000", "1"),
            ("PERSIST key:0", "1"),
        ]);
    }
    client.send(&pipeline((0..count).map(|number| format!("DEL key:{number}"))));
    (0..count).for_each(|number| assert_eq!(client.shown(), "1", "DEL key:{number}"));
    wait_for("writes", || client.ask("SET after 1") == "OK");
    // As much as before fits again.
    let (again, _) = fill(&mut client, "again", &value, 2_000);
    assert!(again > count / 2, "{again} values instead of {count}");
    client.expect(&[("GET after", "1")]);
}

#[test]
fn full_memory_refuses_writes_until_something_is_deleted() {
    let node = Setup::new().at("/settings/memory_bytes_max", json!("8MiB")).start();
    full_memory(&node, 3);
}

#[test]
fn full_memory_without_files_refuses_writes_too() {
    let memory = json!("8MiB");
    let setup = Setup::new()
        .at("/settings/memory_bytes_max", memory)
        .at("/settings/storage", json!("memory"));
    full_memory(&setup.start(), 1);
}

/// On a full disk what frees memory is done: alone, over several cores, in MULTI and in scripts.
#[test]
fn deletions_of_every_kind_are_done_on_a_full_disk() {
    if !may_mount() {
        return;
    }
    for cores in ["0", "0,1"] {
        let node = Setup::new()
            .at("/nodes/0/cores", json!(cores))
            .at("/settings/segment_bytes", json!("1MiB"))
            .tmpfs(24 << 20, 0)
            .start();
        let mut client = node.client();
        let value = "v".repeat(20_000);
        let mut number = 0;
        while client.ask(&format!("SET key:{number} {value}")) == "OK" {
            number += 1;
            assert!(number < 2_000, "the disk takes more than it has");
        }
        let del = "return redis.call('del', unpack(KEYS))";
        for at in 0..5 {
            let key = |number: usize| format!("key:{}", 20 * at + number);
            let line = |words: &[&str], keys: std::ops::Range<usize>| {
                let words = words.iter().map(ToString::to_string);
                words.chain(keys.map(key)).collect::<Vec<_>>()
            };
            for (words, expected) in [
                (line(&["DEL"], 0..1), "1"),
                (line(&["UNLINK"], 1..7), "6"),
                (line(&["EVAL", del, "1"], 7..8), "1"),
                (line(&["EVAL", del, "4"], 8..12), "4"),
            ] {
                let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
                assert_eq!(show(&client.call(&words)), expected, "cores {cores}, {at}");
            }
            client.expect(&[("MULTI", "OK")]);
            for queued in 12..16 {
                client.expect(&[(&format!("DEL {}", key(queued)), "QUEUED")]);
            }
            assert_eq!(client.ask("EXEC"), "[1 1 1 1]", "cores {cores}, {at}");
        }
    }
}
