//! Tests of the shape and the rules of a config: what is refused, where, and all at once.

use serde_json::{Value, json};

use super::{UUID, config, machine, resolve, validate, with};
use crate::config::limits::SEGMENT_BYTES_MAX;
use crate::config::{Durability, Machine, ParseError, hash, parse};

const HASH: &str = "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

fn minimal() -> Value {
    json!({ "cluster_id": UUID, "nodes": [{ "name": "a", "uuid": UUID }] })
}

fn full() -> Value {
    serde_json::to_value(config()).expect("a config")
}

#[test]
fn the_default_config_is_valid_and_comes_back_the_same() {
    let config = config();
    assert_eq!(validate(&config, &machine()), []);
    assert_eq!(parse(config.to_text().as_bytes()), Ok(config.clone()));
    let resolved = resolve(&config, &machine()).expect("valid");
    assert_eq!(resolved.cores, [0, 1]);
    assert_eq!(resolved.addresses.resp_cores.len(), 2);
    assert_eq!(resolved.addresses.resp_cores[1].to_string(), "127.0.0.1:7401");
    assert_eq!(resolved.memory_bytes_max, (8 << 30) / 100 * 60);
    assert_eq!(config.settings.limits.value_bytes.bytes(), 512 << 20);
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = parse(minimal().to_string().as_bytes()).expect("the rest has defaults");
    assert_eq!(validate(&config, &machine()), []);
    assert_eq!((config.epoch, config.partitions, config.replication), (1, 64, 1));
    assert_eq!(config.settings.durability, Durability::Always);
    assert_eq!(config.settings.segment_bytes.bytes(), SEGMENT_BYTES_MAX);
}

#[test]
fn a_hash_is_that_of_the_canonical_form_written_by_hand() {
    let config = parse(minimal().to_string().as_bytes()).expect("the rest has defaults");
    let text = format!(
        r#"{{"cluster_id":"{UUID}","epoch":1,"mode":"single","nodes":[{{"cores":"all","http":"127.0.0.1:7380","id":1,"name":"a","resp":"127.0.0.1:7379","resp_cores":7400,"uuid":"{UUID}"}}],"parent":"","partitions":64,"removed":[],"replication":1,"settings":{{"auth":{{}},"durability":"always","eviction":"none","limits":{{"clients":10000,"idle_timeout_s":0,"output_bytes":"256MiB","value_bytes":"512MiB","write_timeout_s":60}},"log_level":"info","segment_bytes":"64MiB","snapshot":{{"keep":7}},"storage":"disk","sync_interval_ms":100}}}}"#
    );
    let value = serde_json::to_value(&config).expect("a config");
    assert_eq!(crate::config::canonical::canonical(&value), text);
    // The SHA-256 of that text, by `sha256sum`.
    assert_eq!(hash(&config), "fc5bc0b37912ad7bcb69f650f253b437b1c72891fa2dab7b5aaac1797fde1c69");
}

#[test]
fn the_shape_is_refused_with_its_place() {
    for (document, pointer, text) in [
        (with(full(), "/surprise", json!(1)), "/surprise", "unknown field"),
        (with(full(), "/settings/surprise", json!(1)), "/settings/surprise", "unknown field"),
        (
            with(full(), "/settings/auth/password", json!("x")),
            "/settings/auth/password",
            "unknown field",
        ),
        (
            with(full(), "/settings/limits/memory", json!(1)),
            "/settings/limits/memory",
            "unknown field",
        ),
        (with(full(), "/nodes/0/sql", json!("x")), "/nodes/0/sql", "unknown field"),
        (with(full(), "/settings/durability", json!("often")), "/settings/durability", "always"),
        (with(full(), "/settings/storage", json!("tape")), "/settings/storage", "disk"),
        (with(full(), "/settings/log_level", json!("loud")), "/settings/log_level", "info"),
        (
            with(full(), "/settings/memory_bytes_max", json!("8GB")),
            "/settings/memory_bytes_max",
            "8GiB",
        ),
        (with(full(), "/settings/sync_interval_ms", json!(-1)), "/settings/sync_interval_ms", "-1"),
        (
            with(full(), "/settings/limits/clients", json!("many")),
            "/settings/limits/clients",
            "many",
        ),
        (with(full(), "/nodes/0/resp_cores", json!(70000)), "/nodes/0/resp_cores", "70000"),
        (with(full(), "/nodes", json!({})), "/nodes", "expected"),
        (json!({ "nodes": [] }), "/cluster_id", "missing field `cluster_id`"),
        (with(full(), "/nodes/-", json!({ "id": 1 })), "/nodes/1/name", "missing field `name`"),
        (json!([]), "", "expected"),
    ] {
        match parse(document.to_string().as_bytes()) {
            Err(ParseError::Shape(problem)) => {
                assert_eq!(problem.pointer, pointer, "{problem}");
                assert!(problem.problem.contains(text), "{pointer}: {problem}");
                assert!(!problem.problem.contains(" at line "), "{problem}");
                assert!(!problem.hint.is_empty(), "{problem}");
            }
            other => panic!("{pointer}: {other:?}"),
        }
    }
    for (bytes, line, column) in [
        (&b"{"[..], 1, 1),
        (b"{\n  nonsense }", 2, 3),
        (b"", 1, 0),
        (b"\xff", 1, 1),
        (b"{} x", 1, 4),
    ] {
        match parse(bytes) {
            Err(ParseError::NotJson { line: at_line, column: at_column, .. }) => {
                assert_eq!((at_line, at_column), (line, column), "{}", bytes.escape_ascii());
            }
            other => panic!("{}: {other:?}", bytes.escape_ascii()),
        }
    }
    let twice = config().to_text().replacen("{", "{\"epoch\": 1,", 1);
    let error = parse(twice.as_bytes()).expect_err("the epoch is there twice").into_problem();
    assert!(error.problem.contains("duplicate field `epoch`"), "{error}");
    let tail = format!("{} x", config().to_text());
    assert!(matches!(parse(tail.as_bytes()), Err(ParseError::NotJson { .. })));
}

/// Each field that has one of a few words, and two of them.
const WORDS: [(&str, [&str; 2]); 9] = [
    ("/settings/storage", ["disk", "memory"]),
    ("/settings/durability", ["interval", "never"]),
    ("/settings/log_level", ["warn", "trace"]),
    ("/settings/resp/cluster", ["transparent", "redirect"]),
    ("/settings/compression/bulk", ["auto", "always"]),
    ("/settings/tls/client_auth", ["optional", "required"]),
    ("/settings/tls/peers", ["off", "allowed"]),
    ("/nodes/0/role", ["data", "voter"]),
    ("/nodes/0/leaving", ["drain", "dead"]),
];

#[test]
fn a_field_of_words_names_them_whatever_it_is_given() {
    let mut document = full();
    for parent in ["resp", "compression", "tls"] {
        document["settings"][parent] = json!({});
    }
    for (pointer, words) in WORDS {
        let good = with(document.clone(), pointer, json!(words[1]));
        assert!(parse(good.to_string().as_bytes()).is_ok(), "{pointer}");
        for value in [json!(null), json!(1), json!(true), json!([]), json!({}), json!("no such")] {
            if value.is_null() && pointer == "/nodes/0/leaving" {
                // It may be absent.
                continue;
            }
            let wrong = with(document.clone(), pointer, value.clone());
            match parse(wrong.to_string().as_bytes()) {
                Err(ParseError::Shape(problem)) => {
                    assert_eq!(problem.pointer, pointer, "{problem}");
                    let names = |word: &str| problem.problem.contains(&format!("`{word}`"));
                    assert!(words.into_iter().all(names), "{value}: {problem}");
                }
                other => panic!("{pointer} {value}: {other:?}"),
            }
        }
    }
}

#[test]
fn kinds_of_values_have_names_that_people_use() {
    for (pointer, value, expected) in [
        ("/settings", json!(null), "invalid type: null, expected an object"),
        ("/settings", json!("x"), "invalid type: string \"x\", expected an object"),
        ("/settings", json!([]), "invalid type: sequence, expected an object"),
        ("/settings/auth", json!([]), "invalid type: sequence, expected an object"),
        ("/settings/auth/users", json!(1), "invalid type: integer `1`, expected an object"),
        ("/settings/eviction", json!(null), "invalid type: null, expected a text"),
        ("/settings/databases", json!("x"), "invalid type: string \"x\", expected a list"),
        ("/settings/limits/clients", json!(null), "expected a whole number from 0 to 4294967295"),
        ("/settings/limits/clients", json!(4_294_967_296_u64), "expected a whole number from 0 to"),
        ("/nodes/0/resp_cores", json!(-1), "expected a whole number from 0 to 65535"),
        ("/epoch", json!(1.5), "expected a whole number"),
        ("/nodes", json!(null), "invalid type: null, expected a list"),
        ("/nodes/0", json!(null), "invalid type: null, expected an object"),
    ] {
        let mut document = full();
        match document.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => document = with(document, pointer, value),
        }
        let problem = parse(document.to_string().as_bytes()).expect_err(pointer).into_problem();
        assert_eq!(problem.pointer, pointer, "{problem}");
        assert!(problem.problem.contains(expected), "{problem}");
    }
}

#[test]
fn each_rule_names_its_field() {
    let two_nodes = with(full(), "/nodes/-", full()["nodes"][0].clone());
    for (document, pointer) in [
        (with(full(), "/cluster_id", json!("x")), "/cluster_id"),
        (with(full(), "/epoch", json!(0)), "/epoch"),
        (with(full(), "/epoch", json!(1_u64 << 53)), "/epoch"),
        (with(full(), "/parent", json!("abc")), "/parent"),
        (with(full(), "/mode", json!("sharding")), "/mode"),
        (with(full(), "/partitions", json!(0)), "/partitions"),
        (with(full(), "/partitions", json!(63)), "/partitions"),
        (with(full(), "/partitions", json!(2048)), "/partitions"),
        (with(full(), "/replication", json!(3)), "/replication"),
        (with(full(), "/removed", json!([UUID])), "/removed"),
        (with(full(), "/nodes", json!([])), "/nodes"),
        (two_nodes, "/nodes"),
        (with(full(), "/nodes/0/id", json!(2)), "/nodes/0/id"),
        (with(full(), "/nodes/0/name", json!("")), "/nodes/0/name"),
        (with(full(), "/nodes/0/name", json!("a b")), "/nodes/0/name"),
        (with(full(), "/nodes/0/uuid", json!("x")), "/nodes/0/uuid"),
        (with(full(), "/nodes/0/resp", json!("localhost:1")), "/nodes/0/resp"),
        (with(full(), "/nodes/0/resp", json!("127.0.0.1:0")), "/nodes/0/resp"),
        (with(full(), "/nodes/0/resp", json!("10.0.0.1:7379")), "/nodes/0/resp"),
        (with(full(), "/nodes/0/http", json!("0.0.0.0:7380")), "/nodes/0/http"),
        (with(full(), "/nodes/0/http", json!("[::]:7380")), "/nodes/0/http"),
        (with(full(), "/nodes/0/http", json!("127.0.0.1:7379")), "/nodes/0/http"),
        (with(full(), "/nodes/0/resp_cores", json!(7378)), "/nodes/0/resp_cores"),
        (with(full(), "/nodes/0/resp_cores", json!(65535)), "/nodes/0/resp_cores"),
        (with(full(), "/nodes/0/cores", json!("0-9")), "/nodes/0/cores"),
        (with(full(), "/nodes/0/cores", json!("x")), "/nodes/0/cores"),
        (with(full(), "/nodes/0/unix", json!("")), "/nodes/0/unix"),
        (with(full(), "/nodes/0/unix", json!("x".repeat(108))), "/nodes/0/unix"),
        (with(full(), "/nodes/0/rack", json!("x".repeat(129))), "/nodes/0/rack"),
        (with(full(), "/settings/eviction", json!("lru")), "/settings/eviction"),
        (
            with(full(), "/settings/auth/password_hash", json!("secret")),
            "/settings/auth/password_hash",
        ),
        (with(full(), "/settings/sync_interval_ms", json!(0)), "/settings/sync_interval_ms"),
        (with(full(), "/settings/sync_interval_ms", json!(60001)), "/settings/sync_interval_ms"),
        (with(full(), "/settings/segment_bytes", json!("3MiB")), "/settings/segment_bytes"),
        (with(full(), "/settings/segment_bytes", json!("512KiB")), "/settings/segment_bytes"),
        (with(full(), "/settings/segment_bytes", json!(0)), "/settings/segment_bytes"),
        (with(full(), "/settings/memory_bytes_max", json!("191MiB")), "/settings/memory_bytes_max"),
        (with(full(), "/settings/memory_bytes_max", json!(u64::MAX)), "/settings/memory_bytes_max"),
        (with(full(), "/settings/limits/clients", json!(0)), "/settings/limits/clients"),
        (
            with(full(), "/settings/limits/idle_timeout_s", json!(u32::MAX)),
            "/settings/limits/idle_timeout_s",
        ),
        (with(full(), "/settings/limits/output_bytes", json!(1)), "/settings/limits/output_bytes"),
        (
            with(full(), "/settings/limits/value_bytes", json!("1GiB")),
            "/settings/limits/value_bytes",
        ),
        (
            with(full(), "/settings/limits/value_bytes", json!((1 << 20) - 1)),
            "/settings/limits/value_bytes",
        ),
        (
            with(full(), "/settings/limits/write_timeout_s", json!(0)),
            "/settings/limits/write_timeout_s",
        ),
        (with(full(), "/settings/snapshot", json!({"keep": 10_001})), "/settings/snapshot/keep"),
        (
            with(full(), "/settings/snapshot", json!({"bytes_a_second": "63KiB"})),
            "/settings/snapshot/bytes_a_second",
        ),
    ] {
        let config = parse(document.to_string().as_bytes()).expect(pointer);
        let problems = validate(&config, &machine());
        assert!(
            problems.iter().any(|problem| problem.pointer == pointer),
            "{pointer}: {problems:?}"
        );
        for problem in &problems {
            assert!(!problem.problem.is_empty() && !problem.hint.is_empty(), "{problem:?}");
        }
    }
}

#[test]
fn all_problems_come_at_once() {
    let document = with(full(), "/mode", json!("sharding"));
    let document = with(document, "/nodes/0/resp", json!("nowhere"));
    let document = with(document, "/settings/limits/clients", json!(0));
    let config = parse(document.to_string().as_bytes()).expect("the shape is right");
    let problems = validate(&config, &machine());
    let pointers: Vec<&str> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(pointers, ["/mode", "/nodes/0/resp", "/settings/limits/clients"]);
}

#[test]
fn an_open_address_wants_a_password_and_same_ports_differ_by_address() {
    let document = with(full(), "/nodes/0/resp", json!("0.0.0.0:7379"));
    let document = with(document, "/settings/auth/password_hash", json!(HASH));
    let config = parse(document.to_string().as_bytes()).expect("the shape is right");
    assert_eq!(validate(&config, &machine()), []);
    let document = with(full(), "/nodes/0/http", json!("127.0.0.2:7379"));
    let config = parse(document.to_string().as_bytes()).expect("the shape is right");
    assert_eq!(validate(&config, &machine()), [], "one port on two addresses");
}

#[test]
fn a_small_machine_gets_small_segments_by_default() {
    for (memory_bytes, expected) in
        [(48 << 30, 64 << 20), (8 << 30, 16 << 20), (512 << 20, 2 << 20), (64 << 20, 1 << 20)]
    {
        let machine = Machine { cores_allowed: vec![0, 1], memory_bytes };
        let mut config = config();
        config.fit_segments(&machine);
        assert_eq!(config.settings.segment_bytes.bytes(), expected, "{memory_bytes}");
        assert_eq!(validate(&config, &machine), [], "{memory_bytes}");
    }
}
