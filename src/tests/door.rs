//! Owns tests of who may come in.

use serde_json::json;

use super::client::Client;
use super::harness::Setup;

/// The hash of `secret`.
pub(crate) const SECRET_HASH: &str =
    "sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.";
const NO_AUTH: &str = "-NOAUTH Authentication required.";

#[test]
fn an_address_for_others_needs_a_password() {
    for field in ["resp", "http"] {
        let address = "0.0.0.0:7399";
        let (code, log) = Setup::new().flag(&format!("--{field}"), address).refusal();
        let sentence = format!(
            "/nodes/0/{field} by the flag --{field}: {address} can be reached from other machines and there is no password; \
             set /settings/auth/password_hash"
        );
        assert!(log.contains(&sentence), "{log}");
        assert_eq!(code, 78);
    }
}

#[test]
fn with_a_password_every_address_is_fine() {
    let auth = json!({ "password_hash": SECRET_HASH });
    let node =
        Setup::new().at("/nodes/0/resp", json!("0.0.0.0")).at("/settings/auth", auth).start();
    node.client().expect(&[("GET a", NO_AUTH), ("AUTH secret", "OK"), ("GET a", "nil")]);
}

#[test]
fn without_the_password_nothing_runs() {
    let node = Setup::new().at("/settings/auth", json!({ "password_hash": SECRET_HASH })).start();
    let mut client = node.client();
    client.expect(&[
        ("PING", NO_AUTH),
        ("SET a 1", NO_AUTH),
        ("CONFIG SET requirepass x", NO_AUTH),
        ("FLUSHALL", NO_AUTH),
        ("NOSUCH", NO_AUTH),
        ("AUTH wrong", WRONG),
        ("AUTH other secret", WRONG),
        ("AUTH default wrong", WRONG),
        ("HELLO 3 AUTH default wrong", WRONG),
        ("GET a", NO_AUTH),
        ("AUTH default secret", "OK"),
        ("SET a 1", "OK"),
        // A wrong password later takes nothing away.
        ("AUTH wrong", WRONG),
        ("GET a", "1"),
        ("RESET", "RESET"),
        ("GET a", NO_AUTH),
    ]);
    let hello = client.ask("HELLO 3");
    assert!(
        hello.starts_with("-NOAUTH HELLO must be called with the client already authenticated"),
        "{hello}"
    );
    let hello = client.ask("HELLO 3 AUTH default secret SETNAME me");
    assert!(hello.contains("proto: 3"), "{hello}");
    client.expect(&[("GET a", "1"), ("CLIENT GETNAME", "me")]);
}

#[test]
fn before_the_password_little_is_read() {
    let node = Setup::new().at("/settings/auth", json!({ "password_hash": SECRET_HASH })).start();
    for (bytes, error) in [
        ("*11\r\n", "-ERR Protocol error: unauthenticated multibulk length"),
        ("*2\r\n$4\r\nAUTH\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length"),
    ] {
        let mut client = Client::tcp(node.resp());
        client.send(bytes.as_bytes());
        assert_eq!(client.shown(), error, "{bytes:?}");
        assert!(client.is_closed_by_node(), "{bytes:?}");
    }
}

#[test]
fn auth_without_a_password_of_the_node_says_so() {
    let node = Setup::new().start();
    let answer = node.client().ask("AUTH x");
    assert!(
        answer.starts_with("-ERR AUTH <password> called without any password configured"),
        "{answer}"
    );
}

#[test]
fn an_address_for_others_needs_a_password_of_every_user() {
    let auth = json!({ "password_hash": SECRET_HASH, "users": { "joe": "on nopass ~* +@all" } });
    let setup = || Setup::new().at("/nodes/0/resp", json!("0.0.0.0"));
    let (code, log) = setup().at("/settings/auth", auth).refusal();
    assert!(
        log.contains("/settings/auth/users/joe: \"joe\" needs no password, and 0.0.0.0:"),
        "{log}"
    );
    assert_eq!(code, 78);
    let auth = json!({ "password_hash": SECRET_HASH });
    let node = setup().at("/settings/auth", auth).start();
    let mut admin = node.client();
    admin.expect(&[("AUTH secret", "OK")]);
    for rules in ["on nopass ~* +@all", "on nopass -@all", "reset on nopass"] {
        let answer = admin.ask(&format!("ACL SETUSER joe {rules}"));
        assert!(answer.contains("joe\" needs no password, and 0.0.0.0:"), "{rules}: {answer}");
    }
    // Who cannot come in needs none, and cannot be let in later.
    admin.expect(&[("ACL SETUSER joe off nopass ~* +@all", "OK")]);
    assert!(admin.ask("ACL SETUSER joe on").contains("needs no password"));
    admin.expect(&[("ACL SETUSER joe on >x", "OK"), ("AUTH joe x", "OK")]);
}
