//! Owns tests of users: what they may do, how they change while the node runs, and where they are kept.

use serde_json::json;

use super::client::Client;
use super::cluster_harness::Cluster;
use super::harness::{Node, Setup, wait_for};
use super::http_call::{change, get};

const HASH_X: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.";

fn as_user(node: &Node, name: &str) -> Client {
    let mut client = node.client();
    client.expect(&[(&format!("AUTH {name} x"), "OK")]);
    client
}

#[test]
fn a_user_may_do_what_the_rules_say_and_nothing_else() {
    let node = Setup::new().start();
    let mut admin = node.client();
    admin.expect(&[
        ("ACL WHOAMI", "default"),
        ("ACL LIST", "[user default on nopass ~* &* +@all]"),
        (
            "ACL SETUSER alice on >x ~app:* %R~shared:* +@read +set -mget +config|get +@connection",
            "OK",
        ),
        ("ACL USERS", "[alice default]"),
        ("SET shared:1 one", "OK"),
    ]);
    let mut alice = as_user(&node, "alice");
    alice.expect(&[
        ("ACL WHOAMI", "-NOPERM User alice has no permissions to run the 'acl|whoami' command"),
        ("SET app:1 a", "OK"),
        ("GET app:1", "a"),
        ("GET shared:1", "one"),
        ("SET shared:1 two", "-NOPERM No permissions to access a key"),
        ("GET other", "-NOPERM No permissions to access a key"),
        ("MGET app:1", "-NOPERM User alice has no permissions to run the 'mget' command"),
        ("DEL app:1", "-NOPERM User alice has no permissions to run the 'del' command"),
        ("CONFIG GET port2", "[]"),
        (
            "CONFIG SET timeout 1",
            "-NOPERM User alice has no permissions to run the 'config|set' command",
        ),
        // The number of words is looked at first.
        ("MGET", "-ERR wrong number of arguments for 'mget' command"),
        ("FOO", "-ERR unknown command 'FOO', with args beginning with: "),
        ("PING", "PONG"),
    ]);
    // Rules that change hold for those who are in.
    admin.expect(&[("ACL SETUSER alice +mget +acl|whoami", "OK")]);
    alice.expect(&[("MGET app:1 shared:1", "[a one]"), ("ACL WHOAMI", "alice")]);
    alice.expect(&[("RESET", "RESET"), ("ACL WHOAMI", "default")]);
    let mut again = as_user(&node, "alice");
    again.expect(&[("HELLO 2 AUTH alice wrong", WRONG), ("ACL WHOAMI", "alice")]);
    admin.expect(&[("ACL SETUSER alice off", "OK")]);
    again.expect(&[("GET app:1", "a")]);
    node.client().expect(&[("AUTH alice x", WRONG)]);
    admin.expect(&[("ACL DELUSER alice nobody", "1"), ("ACL DELUSER alice", "0")]);
    assert!(again.is_closed_by_node());
    admin.expect(&[
        ("ACL GETUSER alice", "nil"),
        ("ACL DELUSER default", "-ERR The 'default' user cannot be removed"),
    ]);
}

#[test]
fn keys_on_another_core_are_checked_where_the_client_is() {
    let Some(setup) = Setup::two_cores() else { return };
    let node = setup.start();
    node.client().expect(&[("ACL SETUSER alice on >x ~a* +@all", "OK")]);
    // Both cores serve some of them.
    for _ in 0..4 {
        let mut alice = as_user(&node, "alice");
        for key in 0..20 {
            alice.expect(&[
                (&format!("SET a{key} x"), "OK"),
                (&format!("SET b{key} x"), "-NOPERM No permissions to access a key"),
                (&format!("MSET a{key} x b{key} y"), "-NOPERM No permissions to access a key"),
            ]);
        }
    }
    node.client().expect(&[("DBSIZE", "20")]);
    let mut admin = node.client();
    let refused = admin.ask("ACL LOG 50");
    assert_eq!(refused.matches("reason key").count(), 20, "{refused}");
    admin.expect(&[("ACL LOG RESET", "OK"), ("ACL LOG", "[]")]);
    admin.expect(&[("ACL SETUSER alice resetkeys ~b*", "OK")]);
}

#[test]
fn users_are_kept_in_the_config_without_their_passwords() {
    let mut node = Setup::new().start();
    node.client().expect(&[
        ("ACL SETUSER alice on >x ~* +@all", "OK"),
        ("ACL SETUSER bob on >x", "OK"),
        ("ACL SETUSER default >secret -debug", "OK"),
    ]);
    let config = node.config();
    let users = &config["settings"]["auth"]["users"];
    assert_eq!(
        users["alice"],
        json!(format!("on #{HASH_X} ~* resetchannels -@all +@all").replace("-@all +@all", "+@all"))
    );
    assert_eq!(users["default"], json!("on ~* &* +@all -debug"));
    assert!(!config.to_string().contains("secret"), "{config}");
    // The default user's password is the one that HTTP asks for.
    assert_eq!(get(node.http(), "/status").status, 401);
    node.kill_and_start();
    let mut fresh = node.client();
    fresh.expect(&[
        ("PING", "-NOAUTH Authentication required."),
        ("AUTH secret", "OK"),
        ("DEBUG HELP", "-NOPERM User default has no permissions to run the 'debug' command"),
        ("ACL USERS", "[alice bob default]"),
    ]);
    as_user(&node, "alice").expect(&[("PING", "PONG"), ("CONFIG SET requirepass other", "OK")]);
    node.client().expect(&[("AUTH secret", WRONG), ("AUTH other", "OK")]);
    fresh.expect(&[("ACL SETUSER default nopass +@all", "OK")]);
    node.client().expect(&[
        ("PING", "PONG"),
        ("DEBUG HELP x", "-ERR wrong number of arguments for 'debug' command"),
    ]);
    assert_eq!(get(node.http(), "/status").status, 200);
    assert_eq!(node.config()["settings"]["auth"]["users"]["default"], json!(null));
}

#[test]
fn a_config_with_bad_rules_is_refused_and_a_good_one_holds_at_once() {
    let node = Setup::new().start();
    let http = node.http();
    for (rules, part) in [
        ("on +foo", "Unknown command"),
        ("on >password", "give its hash behind #"),
        ("on (+get", "has no end"),
        ("whatever", "Syntax error"),
    ] {
        let answer = change(http, &[("/settings/auth/users", json!({"carol": rules}))]);
        assert_eq!(answer.status, 422, "{rules}: {answer:?}");
        assert!(answer.json().to_string().contains("/settings/auth/users/carol"), "{answer:?}");
        assert!(answer.json().to_string().contains(part), "{answer:?}");
        assert!(!answer.json()["errors"].to_string().contains(">password"), "{answer:?}");
    }
    let mut client = node.client();
    let rules = format!("on #{HASH_X} ~c* resetchannels -@all +get");
    let answer = change(http, &[("/settings/auth/users", json!({"carol": rules}))]);
    assert_eq!(answer.status, 200, "{answer:?}");
    client.expect(&[("AUTH carol x", "OK"), ("GET c", "nil")]);
    client.expect(&[("SET c 1", "-NOPERM User carol has no permissions to run the 'set' command")]);
    let answer = change(http, &[("/settings/auth/users", json!({}))]);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(client.is_closed_by_node());
}

#[test]
fn refusals_are_listed_the_newest_first() {
    let node = Setup::new().start();
    let mut admin = node.client();
    admin.expect(&[
        ("ACL SETUSER alice on >x ~a +get &c", "OK"),
        ("CONFIG SET acllog-max-len 3", "OK"),
        ("CONFIG GET acllog-max-len", "[acllog-max-len 3]"),
    ]);
    node.client().expect(&[("AUTH alice y", WRONG), ("AUTH alice y", WRONG)]);
    let mut alice = as_user(&node, "alice");
    alice.expect(&[
        ("SET a 1", "-NOPERM User alice has no permissions to run the 'set' command"),
        ("GET b", "-NOPERM No permissions to access a key"),
        ("GET b", "-NOPERM No permissions to access a key"),
    ]);
    let log = admin.ask("ACL LOG");
    let at = |part: &str| log.find(part).unwrap_or_else(|| panic!("{part} is not in {log}"));
    let key = at("[count 2 reason key context toplevel object b username alice age-seconds 0");
    let command =
        at("[count 1 reason command context toplevel object set username alice age-seconds 0");
    let auth = at("[count 2 reason auth context toplevel object AUTH username alice age-seconds 0");
    assert!(key < command && command < auth, "{log}");
    assert!(log.contains("cmd=get user=alice"), "{log}");
    assert_eq!(admin.ask("ACL LOG 1").matches("count").count(), 1);
    alice.expect(&[("GET c", "-NOPERM No permissions to access a key")]);
    let log = admin.ask("ACL LOG");
    assert!(log.matches("count").count() == 3 && !log.contains("reason auth"), "{log}");
    admin.expect(&[
        ("ACL LOG RESET", "OK"),
        ("ACL LOG", "[]"),
        ("ACL LOG x", "-ERR value is not an integer or out of range"),
    ]);
}

#[test]
fn small_things() {
    let node = Setup::new().start();
    let mut client = node.client();
    assert_eq!(client.ask("ACL GENPASS").len(), 64);
    assert_eq!(client.ask("ACL GENPASS 5").len(), 2);
    client.expect(&[("ACL GENPASS abc", "-ERR value is not an integer or out of range")]);
    assert_ne!(client.ask("ACL GENPASS"), client.ask("ACL GENPASS"));
    client.expect(&[
        ("ACL SAVE", "-ERR This Redis instance is not configured to use an ACL file: users live in the config, which is written with every change. Use ACL SETUSER, or POST /config for all users at once."),
        ("ACL SETUSER alice +get ~a", "OK"),
        ("ACL DRYRUN alice get a", "OK"),
        ("ACL DRYRUN alice CLIENT nope", "-ERR Command 'CLIENT' not found"),
        ("ACL DRYRUN alice get b", "User alice has no permissions to access the 'b' key"),
        ("ACL DRYRUN alice set a 1", "User alice has no permissions to run the 'set' command"),
        ("CLIENT KILL USER alice", "0"),
        ("CLIENT KILL USER nobody", "-ERR No such user 'nobody'"),
    ]);
    assert!(client.ask("CLIENT LIST").contains("user=default"));
    client.expect(&[("ACL SETUSER default -@all +acl +ping +client", "OK"), ("PING", "PONG")]);
    client.expect(&[("GET a", "-NOPERM User default has no permissions to run the 'get' command")]);
}

#[test]
fn a_cluster_has_one_list_of_users() {
    let cluster =
        Cluster::plan(3).at("/settings/resp", json!({ "cluster": "transparent" })).start();
    cluster.client(1).expect(&[("ACL SETUSER alice on >x ~a* +set +get +acl|setuser", "OK")]);
    for node in cluster.numbers() {
        let mut alice = cluster.client(node);
        wait_for("the user on each node", || alice.ask("AUTH alice x") == "OK");
        // The keys lie on all nodes; who asks is checked where the client is.
        for key in 0..12 {
            alice.expect(&[
                (&format!("SET a{key} {node}"), "OK"),
                (&format!("GET a{key}"), &node.to_string()),
                (&format!("GET b{key}"), "-NOPERM No permissions to access a key"),
            ]);
        }
    }
    let mut alice = cluster.client(3);
    alice.expect(&[("AUTH alice x", "OK"), ("ACL SETUSER alice -get", "OK")]);
    let mut elsewhere = cluster.client(2);
    wait_for("the change on another node", || {
        elsewhere.expect(&[("AUTH alice x", "OK")]);
        elsewhere.ask("GET a1").starts_with("-NOPERM")
    });
}

#[test]
fn what_is_queued_is_checked_too() {
    let node = Setup::new().start();
    node.client().expect(&[("ACL SETUSER alice on >x ~a* +@all -flushall", "OK")]);
    let mut alice = as_user(&node, "alice");
    alice.expect(&[
        ("MULTI", "OK"),
        ("SET a 1", "QUEUED"),
        ("SET b 1", "-NOPERM No permissions to access a key"),
        ("EXEC", "-EXECABORT Transaction discarded because of previous errors."),
        ("MULTI", "OK"),
        ("FLUSHALL", "-NOPERM User alice has no permissions to run the 'flushall' command"),
        ("DISCARD", "OK"),
        ("WATCH b", "-NOPERM No permissions to access a key"),
        ("SUBSCRIBE news", "-NOPERM No permissions to access a channel"),
        ("PUBLISH news x", "-NOPERM No permissions to access a channel"),
        ("EXISTS a", "0"),
    ]);
}

/// What a user may do is asked again when a transaction runs, and who listens to what it may not any more is closed.
#[test]
fn rights_that_are_taken_away_are_gone_at_once() {
    let node = Setup::new().start();
    let mut admin = node.client();
    admin.expect(&[("ACL SETUSER alice on nopass +@all ~* &news", "OK")]);
    let [mut alice, mut listener] = [as_user(&node, "alice"), as_user(&node, "alice")];
    listener.expect(&[("SUBSCRIBE news", "[subscribe news 1]")]);
    alice.expect(&[
        ("MULTI", "OK"),
        ("SET a 1", "QUEUED"),
        ("INCR n", "QUEUED"),
        ("SET b 2", "QUEUED"),
    ]);
    admin.expect(&[("ACL SETUSER alice -incr resetkeys ~a", "OK")]);
    let since = "-NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: no permission to";
    alice.expect(&[(
        "EXEC",
        &format!("[OK {since} execute the command or subcommand {since} touch the specified keys]"),
    )]);
    admin.expect(&[("MGET a b n", "[1 nil nil]"), ("ACL SETUSER alice resetchannels", "OK")]);
    assert!(listener.is_closed_by_node());
    // Who removes its own user is told so first.
    admin.expect(&[("ACL SETUSER alice +acl", "OK")]);
    alice.expect(&[("ACL DELUSER alice", "1")]);
    assert!(alice.is_closed_by_node());
    let log = admin.ask("ACL LOG");
    assert!(log.contains("context multi object incr"), "{log}");
}
