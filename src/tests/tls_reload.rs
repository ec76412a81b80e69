//! Certificates and keys: what is wrong with them at a start and later, and how they are renewed while the node runs.

use std::fs;

use serde_json::json;

use super::certificates::Authority;
use super::client::Client;
use super::harness::{Folder, Node, Setup};
use super::http_call::{change, get, post};
use super::tls::{secured, secured_setup};

/// What the node shows.
fn shown(node: &Node, authority: &Authority) -> Vec<u8> {
    let mut client = Client::tls(node.resp_tls(), &authority.client(None));
    client.expect(&[("PING", "PONG")]);
    let chain = client.tls_connection().and_then(|tls| tls.peer_certificates());
    chain.expect("the handshake is through")[0].to_vec()
}

/// Sends the very config that is in force, as a job does after it has renewed the files.
fn send_again(node: &Node) -> super::http_call::Answer {
    post(node.http(), "/config", &node.config().to_string())
}

#[test]
fn renewed_files_are_read_with_the_config_that_is_in_force() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let node = secured(Setup::new(), &folder, &authority, &json!({}));
    let config = authority.client(None);
    let mut early = Client::tls(node.resp_tls(), &config);
    early.expect(&[("PING", "PONG")]);
    let first = shown(&node, &authority);
    let same = send_again(&node);
    assert_eq!((same.status, &same.json()["changed"]), (200, &json!([])), "{same:?}");
    assert_eq!(shown(&node, &authority), first);
    authority.write(&folder.0);
    assert_eq!(shown(&node, &authority), first, "nobody has asked for them yet");
    let renewed = send_again(&node);
    assert_eq!(renewed.json()["changed"], json!(["/settings/tls/cert_file"]), "{renewed:?}");
    assert_eq!(renewed.json()["epoch"], 1, "it is the same config");
    assert_ne!(shown(&node, &authority), first);
    early.expect(&[("PING", "PONG")]);
    // A session of before is none of the new key's: its client makes a full handshake and notices nothing else.
    Client::tls(node.resp_tls(), &config).expect(&[("PING", "PONG")]);
    // Another config takes them along.
    let second = shown(&node, &authority);
    authority.write(&folder.0);
    assert_eq!(change(node.http(), &[("/settings/sync_interval_ms", json!(30))]).status, 200);
    assert_ne!(shown(&node, &authority), second);
}

#[test]
fn files_that_cannot_be_used_leave_the_old_in_force() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let node = secured(Setup::new(), &folder, &authority, &json!({}));
    let first = shown(&node, &authority);
    let (cert, key) = (folder.0.join("cert.pem"), folder.0.join("key.pem"));
    let good = [&cert, &key].map(|path| fs::read(path).expect("it was written"));
    let other = authority.sign();
    let spoil: [(&str, &dyn Fn(), &str); 4] = [
        ("key_file", &|| fs::remove_file(&key).expect("it is there"), "No such file"),
        ("key_file", &|| fs::write(&key, "x").expect("it is ours"), "has no private key in PEM"),
        (
            "key_file",
            &|| fs::write(&key, &other.key).expect("it is ours"),
            "is not the key of the certificate",
        ),
        ("cert_file", &|| fs::write(&cert, "").expect("it is ours"), "has no certificate in PEM"),
    ];
    for (field, spoil, said) in spoil {
        spoil();
        let answer = send_again(&node);
        assert_eq!(answer.status, 422, "{answer:?}");
        assert_eq!(answer.pointer(), format!("/settings/tls/{field}"), "{answer:?}");
        assert!(answer.body.contains(said), "{answer:?}");
        assert_eq!(shown(&node, &authority), first, "{said}");
        // Something else can change meanwhile; the log tells what is wrong.
        let epoch = get(node.http(), "/config").json()["epoch"].as_u64().expect("a number");
        let changed = change(node.http(), &[("/settings/sync_interval_ms", json!(epoch + 40))]);
        assert_eq!(changed.status, 200, "{changed:?}");
        assert!(node.log().contains("what was read before stays in force"), "{}", node.log());
        assert_eq!(shown(&node, &authority), first, "{said}");
        for (path, bytes) in [&cert, &key].into_iter().zip(&good) {
            fs::write(path, bytes).expect("it is ours");
        }
    }
    // A pipe that nobody writes to holds up nobody.
    let pipe = folder.0.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo is there").success());
    let wrong = change(node.http(), &[("/settings/tls/cert_file", json!(pipe))]);
    assert_eq!((wrong.status, wrong.pointer().as_str()), (422, "/settings/tls/cert_file"));
    // Another path that is wrong is refused, and changes nothing.
    let wrong = change(node.http(), &[("/settings/tls/key_file", json!("/nowhere"))]);
    assert_eq!((wrong.status, wrong.pointer().as_str()), (422, "/settings/tls/key_file"));
    assert_eq!(shown(&node, &authority), first);
}

#[test]
fn a_node_does_not_start_with_files_that_cannot_be_used() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    for (name, said) in [
        ("cert.pem", "/settings/tls/cert_file: cert_file"),
        ("key.pem", "/settings/tls/key_file: key_file"),
        ("ca.pem", "/settings/tls/ca_file: ca_file"),
    ] {
        let more = json!({ "client_auth": "optional" });
        let setup = secured_setup(Setup::new(), &folder, &authority, &more);
        fs::remove_file(folder.0.join(name)).expect("it was written");
        let (code, log) = setup.refusal();
        assert_eq!(code, 78, "{log}");
        assert!(log.contains(said) && log.contains("No such file"), "{log}");
    }
}

/// Who shows what is a setting that changes live, for those who come.
#[test]
fn what_clients_must_show_changes_live() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let node = secured(Setup::new(), &folder, &authority, &json!({}));
    let mut early = Client::tls(node.resp_tls(), &authority.client(None));
    early.expect(&[("PING", "PONG")]);
    let answer = change(node.http(), &[("/settings/tls/client_auth", json!("required"))]);
    assert_eq!(answer.json()["changed"], json!(["/settings/tls/client_auth"]), "{answer:?}");
    let mut without = Client::tls(node.resp_tls(), &authority.client(None));
    assert!(without.try_ask("PING").is_err());
    let signed = authority.sign();
    Client::tls(node.resp_tls(), &authority.client(Some(&signed))).expect(&[("PING", "PONG")]);
    early.expect(&[("PING", "PONG")]);
}
