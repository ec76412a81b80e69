//! Tests of the start: which config is taken, what is refused, and what is found before the first
//! change.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::{Folder, config, machine};
use crate::config::Durability;
use crate::config::error::ConfigError;
use crate::config::load::{load, open};
use crate::flags::Flags;
use hyperion_store::manifest::Manifest;

fn flags(line: &[&str]) -> Flags {
    Flags::parse_from_arguments([&["hyperiond"], line].concat()).expect("good flags")
}

#[test]
fn the_first_start_makes_a_config_and_the_next_one_uses_it() {
    let folder = Folder::new();
    let data = folder.file("data");
    let data = data.to_str().expect("text");
    let path = folder.file("data/config.json");

    let check = flags(&["--data", data, "--check"]);
    open(&check, &machine()).expect("it would start");
    assert!(!path.exists(), "--check makes nothing");

    let first =
        open(&flags(&["--data", data, "--node", "n", "--cores", "0"]), &machine()).expect("made");
    assert!(first.said[0].contains("made the config"), "{:?}", first.said);
    let made = load(&path).expect("written");
    assert_eq!((made.nodes[0].name.as_str(), made.nodes[0].cores.as_str()), ("n", "0"));
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);

    let second =
        open(&flags(&["--data", data, "--durability", "never"]), &machine()).expect("there");
    assert_eq!(second.keeper.current().config, made);
    assert_eq!(second.keeper.current().resolved.settings().durability, Durability::Never);
    assert_eq!(second.said.len(), 1, "{:?}", second.said);
    assert!(second.said[0].contains("/settings/durability"), "{:?}", second.said);
}

/// At the first start and at a later one: the file says nothing wrong.
#[test]
fn what_a_flag_has_wrong_is_told_with_its_name() {
    let folder = Folder::new();
    let data = folder.file("data");
    let data = data.to_str().expect("text");
    for _ in 0..2 {
        for (flag, value) in [("--cores", "7"), ("--memory", "1KiB")] {
            let wrong = open(&flags(&["--data", data, flag, value]), &machine());
            let said = wrong.expect_err("it is wrong").to_string();
            assert!(said.contains(&format!("by the flag {flag}")), "{said}");
        }
        open(&flags(&["--data", data]), &machine()).expect("nothing is wrong");
    }
}

/// They came twice, and with the same words.
#[test]
fn what_is_unwise_is_said_once_at_a_start() {
    let folder = Folder::new();
    let (path, data) = (folder.file("config.json"), folder.file("data"));
    let mut both = config();
    both.mode = "sharding".to_owned();
    let mut other = both.nodes[0].clone();
    other.id = hyperion_cluster::NodeId(2);
    (other.name, other.uuid) = ("b".to_owned(), "00000002-bbbb-4ccc-8ddd-eeeeeeeeeeee".to_owned());
    (other.resp, other.http) = ("127.0.0.1:9001".to_owned(), "127.0.0.1:9002".to_owned());
    both.nodes.push(other);
    for (node, port) in both.nodes.iter_mut().zip([9_003, 9_004]) {
        node.peer = Some(format!("127.0.0.1:{port}"));
        node.resp_cores = 0;
    }
    fs::write(&path, both.to_text()).expect("the folder is ours");
    let [path, data] = [&path, &data].map(|it| it.to_str().expect("text"));
    let line = ["--config", path, "--data", data, "--node", "b"];
    let opened = open(&flags(&line), &machine()).expect("two nodes");
    let said = opened.said.iter().filter(|said| said.contains("each partition has one copy"));
    assert_eq!(said.count(), 1, "{:?}", opened.said);
}

/// Libraries of functions that a restore has left beside the data go into the config, which stands where it has one of that name.
#[test]
fn libraries_of_a_snapshot_are_taken_into_the_config() {
    let folder = Folder::new();
    fs::create_dir(folder.file("data")).expect("the folder is ours");
    let (beside, path) = (folder.file("data/functions.json"), folder.file("data/config.json"));
    let data = folder.file("data");
    let data = data.to_str().expect("text");
    fs::write(&beside, r#"{ "lib": "restored", "other": "restored" }"#).expect("written");
    open(&flags(&["--data", data, "--check"]), &machine()).expect("it would start");
    assert!(beside.exists() && !path.exists(), "--check makes nothing");
    let made = open(&flags(&["--data", data]), &machine()).expect("made");
    assert!(made.said.iter().any(|said| said.contains("took 2 libraries")), "{:?}", made.said);
    assert!(!beside.exists());
    assert_eq!(load(&path).expect("written").settings.functions.len(), 2);

    fs::write(&beside, r#"{ "lib": "older", "third": "restored" }"#).expect("written");
    let taken = open(&flags(&["--data", data]), &machine()).expect("there");
    let functions = load(&path).expect("written").settings.functions;
    assert_eq!(taken.keeper.current().config.settings.functions, functions);
    let found: Vec<_> = functions.iter().map(|(name, code)| (&name[..], &code[..])).collect();
    assert_eq!(found, [("lib", "restored"), ("other", "restored"), ("third", "restored")]);

    fs::write(&beside, "{ no").expect("written");
    let error = open(&flags(&["--data", data]), &machine()).expect_err("it is no JSON");
    assert!(error.to_string().contains("functions.json"), "{error}");
    assert!(beside.exists());
}

#[test]
fn a_refused_config_is_one_sentence() {
    let folder = Folder::new();
    let path = folder.file("config.json");
    let unknown = config().to_text().replacen("\"eviction\"", "\"evict\"", 1);
    let open_address = config().to_text().replace("127.0.0.1:7379", "0.0.0.0:7379");
    for (content, expected) in [
        (String::new(), "not JSON at line 1"),
        ("{\n  \"epoch\": nonsense\n}".to_owned(), "not JSON at line 2, column 13"),
        (unknown, "/settings/evict: unknown field"),
        (open_address, "/nodes/0/resp: 0.0.0.0:7379 can be reached from other machines"),
        (" ".repeat((1 << 20) + 1), "longer than"),
    ] {
        fs::write(&path, content).expect("written");
        let error = open(&flags(&["--config", path.to_str().expect("text")]), &machine())
            .expect_err(expected)
            .to_string();
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    let missing = folder.file("missing.json");
    let error = open(&flags(&["--config", missing.to_str().expect("text")]), &machine());
    assert!(matches!(error, Err(ConfigError::Missing { .. })), "{error:?}");
    let error = open(&flags(&["--config", folder.path().to_str().expect("text")]), &machine());
    assert!(matches!(error, Err(ConfigError::Unreadable { .. })), "{error:?}");
    fs::write(&path, config().to_text()).expect("written");
    let error =
        open(&flags(&["--config", path.to_str().expect("text"), "--node", "b"]), &machine());
    assert!(matches!(error, Err(ConfigError::NodeUnknown { .. })), "{error:?}");
    assert_eq!(ConfigError::EXIT_CODE, 78);
}

#[test]
fn a_flag_that_makes_the_config_unsafe_is_refused() {
    let folder = Folder::new();
    let data = folder.file("data");
    let arguments = ["--data", data.to_str().expect("text"), "--resp", "0.0.0.0:7379"];
    let error = open(&flags(&arguments), &machine()).expect_err("no password").to_string();
    assert!(error.contains("password"), "{error}");
    assert!(!data.exists(), "a refused start leaves nothing");
}

#[test]
fn an_unwritable_place_is_found_at_start() {
    let folder = Folder::new();
    // The parent of the data folder is a file: this holds for root too.
    let file = folder.file("file");
    fs::write(&file, "").expect("written");
    let data = file.join("data");
    let error = open(&flags(&["--data", data.to_str().expect("text")]), &machine())
        .expect_err("the parent is a file")
        .to_string();
    assert!(error.contains("Not a directory"), "{error}");

    let path = folder.file("config.json");
    fs::write(&path, config().to_text()).expect("written");
    fs::create_dir_all(folder.file(".config.json.probe/in the way")).expect("made");
    let error = open(&flags(&["--config", path.to_str().expect("text")]), &machine())
        .expect_err("the folder takes no file")
        .to_string();
    assert!(error.contains("keeps its config current"), "{error}");
}

#[test]
fn a_link_is_followed_and_stays() {
    let folder = Folder::new();
    let (target, link) = (folder.file("target.json"), folder.file("link.json"));
    fs::write(&target, config().to_text()).expect("written");
    fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).expect("set");
    symlink(&target, &link).expect("linked");
    let mut opened =
        open(&flags(&["--config", link.to_str().expect("text")]), &machine()).expect("a config");
    opened.keeper.amend(|settings| settings.limits.clients = 3).expect("live");
    assert!(fs::symlink_metadata(&link).expect("there").is_symlink());
    assert_eq!(load(&target).expect("written").settings.limits.clients, 3);
    assert_eq!(fs::metadata(&target).expect("there").permissions().mode() & 0o777, 0o640);
}

#[test]
fn the_first_config_of_data_that_is_there_is_laid_out_as_the_data() {
    let folder = Folder::new();
    let data = folder.file("data");
    fs::create_dir(&data).expect("a new folder");
    let manifest = Manifest {
        instance: *b"instance of test",
        cores: 3,
        partitions: 128,
        starts: 1,
        segment_bytes: 4 << 20,
        generation: 1,
        hash_seed: 7,
    };
    fs::write(data.join("MANIFEST"), manifest.write()).expect("it is a folder");
    let line = ["--data", data.to_str().expect("text"), "--cores", "0"];
    let opened = open(&flags(&line), &machine()).expect("made");
    let config = &opened.keeper.current().resolved.config;
    assert_eq!(config.settings.segment_bytes.bytes(), 4 << 20);
    assert_eq!(config.partitions, 128);
}
