//! TLS with the tools that people have: each test needs one, and says loudly when it is not there.

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use serde_json::json;

use super::certificates::Authority;
use super::client::Client;
use super::harness::{Folder, Node, Setup};
use super::tls::secured;

/// Runs a tool with an input; none, said loudly, where it is not installed.
fn run(tool: &str, arguments: &[&str], input: &[u8]) -> Option<Output> {
    let child = Command::new(tool)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("LEFT OUT: {tool} is not installed, so TLS was not tried with it");
        return None;
    };
    // It may end before it has read all.
    let _ = child.stdin.take().expect("it is piped").write_all(input);
    Some(child.wait_with_output().expect("it is our child"))
}

fn path(folder: &Folder, name: &str) -> String {
    folder.0.join(name).display().to_string()
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

fn started(folder: &Folder, authority: &Authority) -> Node {
    secured(Setup::new(), folder, authority, &json!({}))
}

#[test]
fn redis_cli_speaks_tls() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let node = started(&folder, &authority);
    let (port, ca) = (node.resp_tls().port().to_string(), path(&folder, "ca.pem"));
    let arguments = ["--tls", "--cacert", ca.as_str(), "-p", port.as_str()];
    let Some(output) = run("redis-cli", &arguments, b"SET a 1\nINCR a\nGET a\nQUIT\n") else {
        return;
    };
    assert_eq!(said(&output), "OK\n2\n2\n");
    // Without its authority the node's certificate is nothing to it.
    let output = run("redis-cli", &["--tls", "-p", &port, "PING"], b"").expect("it was there");
    assert!(said(&output).contains("certificate verify failed"), "{}", said(&output));
}

#[test]
fn curl_speaks_tls() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let node = started(&folder, &authority);
    let (url, ca) = (format!("https://{}/health", node.http_tls()), path(&folder, "ca.pem"));
    let Some(output) = run("curl", &["-sS", "--cacert", &ca, &url], b"") else { return };
    assert!(said(&output).contains("ok"), "{}", said(&output));
}

/// Versions that nobody should speak any more, and a handshake in the middle of a connection.
#[test]
fn openssl_gets_neither_old_versions_nor_renegotiation() {
    let (folder, authority) = (Folder::new(), Authority::new("a"));
    let node = started(&folder, &authority);
    let address = node.resp_tls().to_string();
    let connect = ["s_client", "-connect", &address, "-CAfile", &path(&folder, "ca.pem")];
    let with = |more: &[&'static str]| {
        [
            &connect.map(str::to_owned)[..],
            &more.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>(),
        ]
        .concat()
    };
    let run_with = |more: &[&'static str], input: &[u8]| {
        let arguments = with(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run("openssl", &arguments, input)
    };
    let Some(output) = run_with(&["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"], b"PING\n") else {
        return;
    };
    assert!(said(&output).contains("alert handshake failure"), "{}", said(&output));
    let output = run_with(&["-tls1_2", "-quiet"], b"PING\r\nQUIT\r\n").expect("it was there");
    assert!(said(&output).contains("+PONG"), "{}", said(&output));
    let text = renegotiated(&with(&["-tls1_2"]));
    assert!(text.contains("RENEGOTIATING") && text.contains("no renegotiation"), "{text}");
    Client::tls(node.resp_tls(), &authority.client(None)).expect(&[("PING", "PONG")]);
}

/// What openssl says when it asks for another handshake in the middle of a connection: by an "R" alone in what it reads at once.
fn renegotiated(arguments: &[String]) -> String {
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it was there");
    let (mut input, mut output) =
        (child.stdin.take().expect("it is piped"), child.stdout.take().expect("it is piped"));
    input.write_all(b"PING\r\n").expect("it reads");
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    while !text.contains("+PONG") {
        let count = output.read(&mut bytes).expect("it is piped");
        assert!(count > 0, "no answer: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    input.write_all(b"R\n").expect("it reads");
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("it is text");
    text + &rest + &said(&child.wait_with_output().expect("it is our child"))
}
