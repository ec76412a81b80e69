//! Tests of the keeper: compare-and-set, the table of live changes, and the file.

use std::fs;
use std::sync::OnceLock;

use hyperion_cluster::change::table::{Change, Column, FIELDS, change_of};
use hyperion_cluster::config::{
    BulkCompression, ClientAuth, ClientRouting, Compression, Leaving, Move, PeerTls, Reads, Resp,
    Role, Tls, leaves,
};

use super::certificates::Authority;
use super::{Folder, config, keeper_at, machine};
use crate::config::file;
use crate::config::keeper::{Checked, Keeper, Refused};
use crate::config::load::load;
use crate::config::overrides::Overrides;
use crate::config::{Config, Durability, LogLevel, Size, Storage};

const HASH: &str = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

fn bytes(config: &Config) -> Vec<u8> {
    config.to_text().into_bytes()
}

/// A config in which every field is there.
fn whole() -> Config {
    let mut config = config();
    config.nodes[0].unix = Some("/run/a.sock".to_owned());
    config.nodes[0].memcached = Some("127.0.0.1:9011".to_owned());
    config.nodes[0].rack = Some("r1".to_owned());
    config.settings.memory_bytes_max = Some(Size::from_bytes(4 << 30));
    config.settings.snapshot.bytes_a_second = Some(Size::from_bytes(64 << 20));
    config.settings.auth.password_hash = Some(HASH.to_owned());
    config.settings.auth.peer_secret_file = Some("/etc/hyperion/secret".to_owned());
    config.settings.resp.cluster = ClientRouting::Transparent;
    config.settings.moves.bytes_a_second = Some(Size::from_bytes(64 << 20));
    config.settings.compression.bulk = BulkCompression::Never;
    config.settings.reads = Reads::Quorum;
    config.settings.notify_keyspace_events = "KEA".to_owned();
    config.settings.auth.users.insert("a".to_owned(), "on".to_owned());
    config.settings.observe.slowlog_len_max = 7;
    config.settings.thresholds.hash_listpack_entries = 7;
    config.settings.redis.insert("list-compress-depth".to_owned(), "1".to_owned());
    config.settings.functions.insert("lib".to_owned(), "#!lua name=lib".to_owned());
    config.settings.databases = (0..16).rev().collect();
    let output = &mut config.settings.limits.pubsub_output;
    (output.hard_bytes, output.soft_bytes) = (Size::from_bytes(3), Size::from_bytes(2));
    output.soft_s = 1;
    config.nodes[0].peer = Some("127.0.0.1:7381".to_owned());
    config.nodes[0].resp_tls = Some("127.0.0.1:7389".to_owned());
    config.nodes[0].http_tls = Some("127.0.0.1:7390".to_owned());
    let [cert_file, key_file, ca_file] = tls_files().clone().map(Some);
    let (client_auth, peers) = (ClientAuth::Required, PeerTls::Required);
    config.settings.tls = Tls { cert_file, key_file, ca_file, client_auth, peers };
    config
}

/// Certificate, key and authority, the same for all tests of this process; they stay until its folder is emptied.
fn tls_files() -> &'static [String; 3] {
    static FILES: OnceLock<(Folder, [String; 3])> = OnceLock::new();
    let (_, files) = FILES.get_or_init(|| {
        let folder = Folder::new();
        let files = Authority::new("keeper").write(folder.path());
        (folder, [files.cert, files.key, files.ca].map(|path| path.display().to_string()))
    });
    files
}

/// The same file by another path.
fn by_another_path(path: &mut Option<String>) {
    let known = path.as_mut().expect("it is there");
    *known = known.replacen("/tmp", "/tmp/.", 1);
}

/// The pointer with `*` for the only node, and for the names of maps.
fn pattern(pointer: &str) -> String {
    for map in ["/settings/auth/users/", "/settings/redis/", "/settings/functions/"] {
        if pointer.starts_with(map) {
            return format!("{map}*");
        }
    }
    pointer.replacen("/nodes/0", "/nodes/*", 1)
}

/// Who changes something else need not know of the libraries that others have loaded; an empty object removes them, for it says so.
#[test]
fn libraries_stay_where_a_config_does_not_name_them() {
    let folder = Folder::new();
    let path = folder.file("config.json");
    let mut keeper = keeper_at(&path, config());
    let code = "#!lua name=lib".to_owned();
    keeper
        .amend(|settings| drop(settings.functions.insert("lib".to_owned(), code.clone())))
        .expect("a library");
    let kept = |keeper: &Keeper| keeper.current().config.settings.functions.clone();
    let mut next = keeper.current().next();
    next.settings.functions.clear();
    next.settings.durability = Durability::Never;
    assert!(!next.to_text().contains("functions"));
    let checked = keeper.check(&bytes(&next)).expect("a child");
    assert!(matches!(checked, Checked::Child(child) if child.settings.functions.len() == 1));
    let accepted = keeper.propose(&bytes(&next)).expect("a child");
    assert_eq!(accepted.changed_live, ["/settings/durability"]);
    assert_eq!(kept(&keeper).get("lib"), Some(&code));
    // The very same text again is the config in force.
    let again = keeper.propose(&bytes(&next)).expect("the very same");
    assert_eq!((again.hash, again.changed_live.len()), (accepted.hash, 0));

    let mut next = keeper.current().next();
    next.settings.functions.clear();
    let named = next.to_text().replacen("\"settings\": {", "\"settings\": {\"functions\": {},", 1);
    let accepted = keeper.propose(named.as_bytes()).expect("a child");
    assert_eq!(accepted.changed_live, ["/settings/functions/lib"]);
    assert!(kept(&keeper).is_empty());
}

#[test]
fn a_child_is_accepted_once_and_written() {
    let folder = Folder::new();
    let path = folder.file("config.json");
    let mut keeper = keeper_at(&path, config());
    let first_hash = keeper.current().hash.clone();
    let mut next = keeper.current().next();
    assert_eq!((next.epoch, &next.parent), (2, &first_hash));
    next.settings.durability = Durability::Never;

    let accepted = keeper.propose(&bytes(&next)).expect("a child");
    assert_eq!(accepted.changed_live, ["/settings/durability"]);
    assert!(accepted.needs_restart.is_empty());
    assert_eq!(accepted.resolved.settings().durability, Durability::Never);
    assert_eq!(load(&path).expect("written"), next);
    assert_eq!(keeper.current().config, next);
    let epochs: Vec<u64> = keeper.history().map(|(epoch, _)| *epoch).collect();
    assert_eq!(epochs, [1, 2]);

    let again = keeper.propose(&bytes(&next)).expect("the very same");
    assert!(again.changed_live.is_empty());
    assert_eq!(again.hash, accepted.hash);

    let mut sibling = next.clone();
    sibling.settings.durability = Durability::Interval;
    match keeper.propose(&bytes(&sibling)) {
        Err(Refused::Stale { epoch, hash, diff }) => {
            assert_eq!((epoch, hash), (2, accepted.hash.clone()));
            let pointers: Vec<&str> = diff.iter().map(|d| d.pointer.as_str()).collect();
            assert_eq!(pointers, ["/settings/durability"]);
        }
        other => panic!("{other:?}"),
    }
    for (epoch, parent) in
        [(3, first_hash.as_str()), (4, accepted.hash.as_str()), (3, ""), (u64::MAX, "")]
    {
        let mut wrong = keeper.current().next();
        wrong.epoch = epoch;
        wrong.parent = parent.to_owned();
        let refused = keeper.propose(&bytes(&wrong)).expect_err("no child");
        assert!(matches!(refused, Refused::Stale { .. }), "{epoch} {parent}: {refused:?}");
    }
}

#[test]
fn every_field_has_one_row_and_each_row_a_field() {
    let mut every = whole();
    every.nodes[0].role = Role::Voter;
    every.nodes[0].leaving = Some(Leaving::Drain);
    let fields = leaves(&every);
    for pointer in
        fields.keys().filter(|pointer| !["/epoch", "/parent"].contains(&pointer.as_str()))
    {
        let rows = FIELDS.iter().filter(|row| row.field == pattern(pointer)).count();
        assert_eq!(rows, 1, "{pointer}");
    }
    // `auth` is a field of its own while it is empty, `/nodes/*` is a whole entry.
    for row in FIELDS.iter().filter(|row| !["/settings/auth", "/nodes/*"].contains(&row.field)) {
        let is_there = fields.keys().any(|pointer| pattern(pointer) == row.field);
        assert!(is_there, "{} is in no config", row.field);
    }
}

#[test]
fn each_row_of_the_table_does_what_it_says() {
    type Edit = fn(&mut Config);
    let edits: [(&str, Edit); 61] = [
        ("/cluster_id", |c| c.cluster_id = "11111111-2222-4333-8444-555555555555".to_owned()),
        ("/partitions", |c| c.partitions = 128),
        ("/nodes/0/name", |c| c.nodes[0].name = "b".to_owned()),
        ("/nodes/0/uuid", |c| c.nodes[0].uuid = "11111111-2222-4333-8444-555555555555".to_owned()),
        ("/nodes/0/resp", |c| c.nodes[0].resp = "127.0.0.1:9000".to_owned()),
        ("/nodes/0/http", |c| c.nodes[0].http = "127.0.0.1:9001".to_owned()),
        ("/nodes/0/peer", |c| c.nodes[0].peer = None),
        ("/nodes/0/cores", |c| c.nodes[0].cores = "0".to_owned()),
        ("/nodes/0/resp_cores", |c| c.nodes[0].resp_cores = 0),
        ("/nodes/0/resp_tls", |c| c.nodes[0].resp_tls = None),
        ("/nodes/0/http_tls", |c| c.nodes[0].http_tls = None),
        ("/settings/tls/cert_file", |c| by_another_path(&mut c.settings.tls.cert_file)),
        ("/settings/tls/key_file", |c| by_another_path(&mut c.settings.tls.key_file)),
        ("/settings/tls/ca_file", |c| by_another_path(&mut c.settings.tls.ca_file)),
        ("/settings/tls/client_auth", |c| c.settings.tls.client_auth = ClientAuth::Optional),
        ("/settings/tls/peers", |c| c.settings.tls.peers = PeerTls::Off),
        ("/nodes/0/unix", |c| c.nodes[0].unix = None),
        ("/nodes/0/memcached", |c| c.nodes[0].memcached = None),
        ("/nodes/0/rack", |c| c.nodes[0].rack = None),
        ("/settings/storage", |c| c.settings.storage = Storage::Memory),
        ("/settings/durability", |c| c.settings.durability = Durability::Interval),
        ("/settings/sync_interval_ms", |c| c.settings.sync_interval_ms = 7),
        ("/settings/memory_bytes_max", |c| c.settings.memory_bytes_max = None),
        ("/settings/segment_bytes", |c| c.settings.segment_bytes = Size::from_bytes(1 << 20)),
        ("/settings/auth/password_hash", |c| c.settings.auth.password_hash = None),
        ("/settings/auth/peer_secret_file", |c| c.settings.auth.peer_secret_file = None),
        ("/settings/resp/cluster", |c| c.settings.resp = Resp::default()),
        ("/settings/reads", |c| c.settings.reads = Reads::Lease),
        ("/settings/move/bytes_a_second", |c| c.settings.moves = Move::default()),
        ("/settings/compression/bulk", |c| c.settings.compression = Compression::default()),
        ("/settings/limits/clients", |c| c.settings.limits.clients = 5),
        ("/settings/limits/idle_timeout_s", |c| c.settings.limits.idle_timeout_s = 5),
        ("/settings/limits/output_bytes", |c| {
            c.settings.limits.output_bytes = Size::from_bytes(1 << 20);
        }),
        ("/settings/limits/pubsub_output/hard_bytes", |c| {
            c.settings.limits.pubsub_output.hard_bytes = Size::from_bytes(4);
        }),
        ("/settings/limits/pubsub_output/soft_bytes", |c| {
            c.settings.limits.pubsub_output.soft_bytes = Size::from_bytes(4);
        }),
        ("/settings/limits/pubsub_output/soft_s", |c| c.settings.limits.pubsub_output.soft_s = 4),
        ("/settings/notify_keyspace_events", |c| c.settings.notify_keyspace_events.clear()),
        ("/settings/databases", |c| c.settings.databases.rotate_left(1)),
        ("/settings/limits/value_bytes", |c| {
            c.settings.limits.value_bytes = Size::from_bytes(1 << 20);
        }),
        ("/settings/limits/write_timeout_s", |c| c.settings.limits.write_timeout_s = 5),
        ("/settings/snapshot/keep", |c| c.settings.snapshot.keep = 0),
        ("/settings/snapshot/bytes_a_second", |c| {
            c.settings.snapshot.bytes_a_second = None;
        }),
        ("/settings/log_level", |c| c.settings.log_level = LogLevel::Debug),
        ("/settings/eviction", |c| c.settings.eviction = "volatile-ttl".to_owned()),
        ("/settings/auth/users/a", |c| {
            c.settings.auth.users.insert("a".to_owned(), "off".to_owned());
        }),
        ("/settings/observe/slowlog_slower_than_us", |c| {
            c.settings.observe.slowlog_slower_than_us = Some(5);
        }),
        ("/settings/observe/slowlog_len_max", |c| c.settings.observe.slowlog_len_max = 5),
        ("/settings/observe/latency_threshold_ms", |c| {
            c.settings.observe.latency_threshold_ms = 5;
        }),
        ("/settings/observe/acl_log_len_max", |c| c.settings.observe.acl_log_len_max = 5),
        ("/settings/thresholds/hash_listpack_entries", |c| {
            c.settings.thresholds.hash_listpack_entries = 5;
        }),
        ("/settings/thresholds/hash_listpack_value", |c| {
            c.settings.thresholds.hash_listpack_value = 5;
        }),
        ("/settings/thresholds/list_listpack_size", |c| {
            c.settings.thresholds.list_listpack_size = 5;
        }),
        ("/settings/thresholds/set_intset_entries", |c| {
            c.settings.thresholds.set_intset_entries = 5;
        }),
        ("/settings/thresholds/set_listpack_entries", |c| {
            c.settings.thresholds.set_listpack_entries = 5;
        }),
        ("/settings/thresholds/set_listpack_value", |c| {
            c.settings.thresholds.set_listpack_value = 5;
        }),
        ("/settings/thresholds/stream_node_entries", |c| {
            c.settings.thresholds.stream_node_entries = 5;
        }),
        ("/settings/thresholds/zset_listpack_entries", |c| {
            c.settings.thresholds.zset_listpack_entries = 5;
        }),
        ("/settings/thresholds/zset_listpack_value", |c| {
            c.settings.thresholds.zset_listpack_value = 5;
        }),
        ("/settings/redis/list-compress-depth", |c| {
            c.settings.redis.insert("list-compress-depth".to_owned(), "2".to_owned());
        }),
        ("/settings/functions/lib", |c| {
            c.settings.functions.insert("lib".to_owned(), "#!lua name=lib\n".to_owned());
        }),
        // No valid second value: refused by the rules, and by the table where it says so.
        ("/mode", |c| c.mode = "sharding".to_owned()),
    ];
    let also_one_value = [
        "/replication",
        "/nodes/*",
        "/nodes/*/id",
        "/nodes/*/role",
        "/nodes/*/leaving",
        "/removed",
        "/settings/auth",
    ];
    for row in FIELDS.iter().filter(|row| !also_one_value.contains(&row.field)) {
        let walked = edits.iter().any(|(edited, _)| pattern(edited) == row.field);
        assert!(walked, "{} is not walked through", row.field);
    }
    for (pointer, edit) in edits {
        let folder = Folder::new();
        let path = folder.file("config.json");
        let mut keeper = keeper_at(&path, whole());
        let mut next = keeper.current().next();
        edit(&mut next);
        let outcome = keeper.propose(&bytes(&next));
        match change_of(Column::Single, pointer) {
            Some(Change::Live) => {
                let accepted = outcome.unwrap_or_else(|error| panic!("{pointer}: {error:?}"));
                assert_eq!(accepted.changed_live, [pointer]);
                assert!(accepted.needs_restart.is_empty(), "{pointer}");
            }
            Some(Change::Restart) => {
                let accepted = outcome.unwrap_or_else(|error| panic!("{pointer}: {error:?}"));
                assert_eq!(accepted.needs_restart, [pointer]);
                assert!(accepted.changed_live.is_empty(), "{pointer}");
            }
            Some(Change::Never(what_to_do) | Change::Fixed(what_to_do)) => match outcome {
                Err(Refused::Invalid(problems)) => {
                    // The rules come first: a mode wants its nodes.
                    let is_told = |hint: &str| pointer == "/mode" || hint == what_to_do;
                    let found = problems.iter().find(|p| p.pointer == pointer && is_told(&p.hint));
                    assert!(found.is_some(), "{pointer}: {problems:?}");
                    assert_eq!(load(&path).expect("still there"), keeper.current().config);
                }
                other => panic!("{pointer}: {other:?}"),
            },
            other => panic!("{pointer} has no row for a single node: {other:?}"),
        }
    }
}

#[test]
fn wrong_proposals_leave_everything_as_it_is() {
    let folder = Folder::new();
    let path = folder.file("config.json");
    let mut keeper = keeper_at(&path, config());
    let before = fs::read(&path).expect("written");
    let unknown = keeper.current().next().to_text().replacen("\"storage\"", "\"storrage\"", 1);
    for (proposal, pointer) in [
        (b"nonsense".to_vec(), ""),
        (unknown.into_bytes(), "/settings/storrage"),
        (b"\"\xff\"".to_vec(), ""),
        (b"[".repeat(100_000), ""),
    ] {
        match keeper.propose(&proposal) {
            Err(Refused::Invalid(problems)) => assert_eq!(problems[0].pointer, pointer),
            other => panic!("{pointer}: {other:?}"),
        }
    }
    assert_eq!(keeper.propose(&vec![b' '; (1 << 20) + 1]).expect_err("too long"), Refused::TooBig);
    // A number that JSON cannot hold exactly is a problem, not a hash.
    let mut huge = keeper.current().next();
    huge.settings.memory_bytes_max = Some(Size::parse("18446744073709551615").expect("a size"));
    assert!(matches!(keeper.propose(&bytes(&huge)), Err(Refused::Invalid(_))));
    assert_eq!(fs::read(&path).expect("still there"), before);
    assert_eq!(keeper.current().config.epoch, 1);
}

#[test]
fn settings_are_amended_in_place() {
    let folder = Folder::new();
    let path = folder.file("config.json");
    let mut keeper = keeper_at(&path, config());
    let accepted = keeper.amend(|settings| settings.limits.clients = 7).expect("a live setting");
    assert_eq!((accepted.config.epoch, accepted.changed_live.len()), (2, 1));
    assert_eq!(load(&path).expect("written").settings.limits.clients, 7);
    let same = keeper.amend(|settings| settings.limits.clients = 7).expect("nothing to do");
    assert_eq!(same.config.epoch, 2);
    let refused = keeper.amend(|settings| settings.limits.clients = 0).expect_err("out of range");
    assert!(matches!(refused, Refused::Invalid(_)));
    let refused =
        keeper.amend(|settings| settings.storage = Storage::Memory).expect_err("not live");
    assert!(matches!(refused, Refused::Invalid(_)));
    assert_eq!(keeper.current().config.epoch, 2);
}

#[test]
fn the_last_ten_are_kept_and_known_after_a_restart() {
    let folder = Folder::new();
    let path = folder.file("config.json");
    let mut keeper = keeper_at(&path, config());
    fs::write(folder.file("config.x.json"), "not ours").expect("written");
    fs::write(folder.file("other.1.json"), "not ours").expect("written");
    for clients in 1..=13 {
        keeper.amend(|settings| settings.limits.clients = clients).expect("a live setting");
    }
    let kept: Vec<u64> =
        file::earlier(&path).expect("a folder").into_iter().map(|(epoch, _)| epoch).collect();
    assert_eq!(kept, (4..=13).collect::<Vec<u64>>());
    let taken = file::taken_ms(&path, 14);
    assert!(taken.keys().copied().eq(5..=14), "{taken:?}");
    assert!(taken.values().is_sorted() && taken[&5] > 1_600_000_000_000, "{taken:?}");
    assert!(folder.file("config.x.json").exists() && folder.file("other.1.json").exists());
    let again = Keeper::new(&path, load(&path).expect("there"), Overrides::default(), machine())
        .expect("valid");
    assert!(again.history().eq(keeper.history()), "{again:?} {keeper:?}");
    let names: Vec<_> = fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| name.to_string_lossy().starts_with('.'))
        .collect();
    assert!(names.is_empty(), "left behind: {names:?}");
}

#[test]
fn a_config_that_cannot_be_written_is_not_in_force() {
    let folder = Folder::new();
    let path = folder.file("config.json");
    let mut keeper = keeper_at(&path, config());
    // Where the next file is written stands a folder with something in it.
    fs::create_dir_all(folder.file(".config.json.new/in the way")).expect("made");
    let mut next = keeper.current().next();
    next.settings.limits.clients = 3;
    match keeper.propose(&bytes(&next)) {
        Err(Refused::NotWritable { full: false, sentence }) => {
            assert!(sentence.contains("config.json"), "{sentence}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(keeper.current().config.epoch, 1);
    assert_eq!(load(&path).expect("the old one").epoch, 1);
    fs::remove_dir_all(folder.file(".config.json.new")).expect("removed");
    keeper.propose(&bytes(&next)).expect("it can be written again");
}

#[test]
fn a_flag_stands_over_the_file_until_the_field_is_changed() {
    let folder = Folder::new();
    let path = folder.file("config.json");
    let file = config();
    file::write_atomically(&path, file.to_text().as_bytes()).expect("written");
    let overrides = Overrides {
        durability: Some(Durability::Never),
        log_level: Some(LogLevel::Debug),
        http: Some("127.0.0.1:9999".to_owned()),
        ..Overrides::default()
    };
    let mut keeper = Keeper::new(&path, file, overrides, machine()).expect("valid");
    assert_eq!(keeper.override_sentences().len(), 3);
    assert_eq!(keeper.current().resolved.settings().durability, Durability::Never);

    let accepted = keeper.amend(|settings| settings.limits.clients = 7).expect("live");
    assert_eq!(accepted.resolved.settings().durability, Durability::Never);
    assert_eq!(accepted.config.settings.durability, Durability::Always, "the flag is not written");
    assert_eq!(accepted.config.nodes[0].http, "127.0.0.1:7380");

    // Back to what the file says: the flag ends, the cores are told.
    let accepted = keeper.amend(|settings| settings.durability = Durability::Always).expect("live");
    assert_eq!(accepted.changed_live, ["/settings/durability"]);
    assert_eq!(accepted.resolved.settings().durability, Durability::Always);
    assert_eq!(accepted.resolved.settings().log_level, LogLevel::Debug);
    assert_eq!(keeper.override_sentences().len(), 2);

    let mut next = keeper.current().next();
    next.settings.log_level = LogLevel::Warn;
    let accepted = keeper.propose(&bytes(&next)).expect("live");
    assert_eq!(accepted.resolved.settings().log_level, LogLevel::Warn);
    assert_eq!(accepted.resolved.http.to_string(), "127.0.0.1:9999");
}
