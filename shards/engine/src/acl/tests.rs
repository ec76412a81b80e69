//! Tests of users, their rules and what these allow.

use super::{
    DEFAULT, Denied, RuleError, User, Users, What, keep, merge_selectors, set_default_password,
};
use crate::command::find;
use hyperion_cluster::config::{Auth, PasswordHash};

fn user(rules: &str) -> User {
    let words: Vec<&[u8]> =
        rules.split(' ').filter(|word| !word.is_empty()).map(str::as_bytes).collect();
    let mut user = User::new("alice");
    for rule in merge_selectors(&words).expect("brackets are closed") {
        user.take(&rule).unwrap_or_else(|error| panic!("{}: {error}", rule.escape_ascii()));
    }
    user
}

fn refused(rules: &str, rule: &str) -> RuleError {
    user(rules).take(rule.as_bytes()).expect_err(rule)
}

fn check(user: &User, line: &str) -> Result<(), (What, usize)> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let spec = find(words[0]).expect("a command");
    user.check(spec, &words).map_err(|Denied { what, at }| (what, at))
}

#[test]
fn rules_are_described_as_redis_does() {
    let hash = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    for (rules, text) in [
        ("", "off resetchannels -@all"),
        ("on nopass allkeys allchannels allcommands", "on nopass ~* &* +@all"),
        (
            "on >x ~k* %R~r* &ch* +@read -get +config|get (+set ~z*)",
            &format!(
                "on #{hash} ~k* %R~r* resetchannels &ch* -@all +@read -get +config|get (~z* resetchannels -@all +set)"
            ),
        ),
        ("+get +set +GET -get", "off resetchannels -@all +set -get"),
        ("+@all -config +config|get", "off resetchannels +@all -config +config|get"),
        ("+config|get +config", "off resetchannels -@all +config"),
        ("+select|0 +select|1", "off resetchannels -@all +select|0 +select|1"),
        ("%R~a %W~a %RW~*", "off ~* resetchannels -@all"),
        ("+get ~a &c reset", "off resetchannels -@all"),
        ("(+get) (+set) clearselectors", "off resetchannels -@all"),
        ("skip-sanitize-payload SANITIZE-PAYLOAD", "off resetchannels -@all"),
    ] {
        assert_eq!(user(rules).describe(), text, "{rules}");
        let mut again = User::new("alice");
        let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
        for rule in merge_selectors(&words).expect("brackets are closed") {
            again.take(&rule).expect("a rule");
        }
        assert_eq!(again, user(rules), "{text}");
    }
}

#[test]
fn what_is_no_rule_changes_nothing_and_says_so() {
    for (rules, rule, error) in [
        ("", "+foo", RuleError::Unknown),
        ("", "+@foo", RuleError::Unknown),
        ("", "+select|0|1", RuleError::Unknown),
        ("", "-select|0", RuleError::Unknown),
        ("", "+config|foo", RuleError::Unknown),
        ("", "+config|get|x", RuleError::ArgumentOfSubcommand),
        ("", "+select|", RuleError::Syntax),
        ("", "+config|", RuleError::Syntax),
        ("", "xx", RuleError::Syntax),
        ("", "", RuleError::Syntax),
        ("", "%A~x", RuleError::Syntax),
        ("", "%~x", RuleError::Syntax),
        ("", "%RR~x", RuleError::Syntax),
        ("", "~a b", RuleError::Syntax),
        ("", "(+get", RuleError::Syntax),
        ("", "(+foo)", RuleError::Unknown),
        ("~*", "~a", RuleError::AfterAllKeys),
        ("&*", "&a", RuleError::AfterAllChannels),
        ("", "#ff", RuleError::BadHash),
        ("", "<x", RuleError::NoSuchPassword),
    ] {
        assert_eq!(refused(rules, rule), error, "{rule}");
        let (mut tried, before) = (user(rules), user(rules));
        let _ = tried.take(rule.as_bytes());
        assert_eq!(tried, before, "{rule}");
    }
    assert_eq!(user("").take(b"~\xff"), Err(RuleError::NotText));
    assert_eq!(merge_selectors(&[b"on", b"(+get", b"~a"]), Err("(+get".to_owned()));
}

#[test]
fn commands_and_subcommands() {
    let reader = user("~* +@read -get");
    assert_eq!(check(&reader, "MGET a"), Ok(()));
    assert_eq!(check(&reader, "GET a"), Err((What::Command, 0)));
    assert_eq!(check(&reader, "SET a 1"), Err((What::Command, 0)));
    // Nobody is kept from showing who he is.
    assert_eq!(check(&user(""), "AUTH x"), Ok(()));
    let asks = user("+config|get +client -client|kill +select|3");
    assert_eq!(check(&asks, "CONFIG GET x"), Ok(()));
    assert_eq!(check(&asks, "config set x y"), Err((What::Command, 0)));
    assert_eq!(check(&asks, "config unknown"), Err((What::Command, 0)));
    assert_eq!(check(&asks, "client id"), Ok(()));
    assert_eq!(check(&asks, "client kill x"), Err((What::Command, 0)));
    assert_eq!(check(&asks, "select 3"), Ok(()));
    assert_eq!(check(&asks, "select 4"), Err((What::Command, 0)));
    let careful = user("+@all -@dangerous");
    assert!(!careful.may_all());
    assert_eq!(check(&careful, "client id"), Ok(()));
    assert_eq!(check(&careful, "client list"), Err((What::Command, 0)));
    assert_eq!(check(&careful, "flushall"), Err((What::Command, 0)));
    assert_eq!(check(&careful, "acl whoami"), Ok(()));
    assert_eq!(check(&careful, "acl setuser x"), Err((What::Command, 0)));
}

#[test]
fn keys_by_what_is_done_to_them() {
    let user = user("+@all %R~r:* %W~w:* ~b:*");
    for (line, result) in [
        ("GET r:1", Ok(())),
        ("GET w:1", Err((What::Key, 1))),
        ("SET w:1 x", Ok(())),
        ("SET w:1 x GET", Err((What::Key, 1))),
        ("SET b:1 x GET", Ok(())),
        ("SET r:1 x", Err((What::Key, 1))),
        ("INCR w:1", Err((What::Key, 1))),
        ("INCR b:1", Ok(())),
        ("EXISTS r:1 w:1 b:1", Ok(())),
        ("EXISTS r:1 other", Err((What::Key, 2))),
        ("STRLEN w:1", Ok(())),
        ("MGET r:1 b:1 w:1", Err((What::Key, 3))),
        ("MSET w:1 a w:2 b", Ok(())),
        ("COPY r:1 w:1", Ok(())),
        ("COPY w:1 r:1", Err((What::Key, 1))),
        ("RENAME b:1 w:1", Ok(())),
        ("RENAME r:1 w:1", Err((What::Key, 1))),
        ("DEL w:1", Ok(())),
        ("TTL r:1", Ok(())),
        ("EXPIRE w:1 10", Ok(())),
        ("PING", Ok(())),
    ] {
        assert_eq!(check(&user, line), result, "{line}");
    }
}

#[test]
fn a_selector_allows_all_of_a_line_or_none() {
    let user = user("+get ~a* (+set ~b*) (+@all ~c)");
    assert_eq!(check(&user, "GET a1"), Ok(()));
    assert_eq!(check(&user, "SET b1 x"), Ok(()));
    assert_eq!(check(&user, "SET c x"), Ok(()));
    assert_eq!(check(&user, "SET a1 x"), Err((What::Key, 1)));
    assert_eq!(check(&user, "DEL c b1"), Err((What::Key, 2)));
}

#[test]
fn who_comes_in() {
    let alice = user("on >x #2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 >y");
    assert_eq!(alice.passwords.len(), 2, "the same password twice is one");
    assert!(alice.accepts(b"x") && alice.accepts(b"y") && !alice.accepts(b"z"));
    assert!(!user(">x").accepts(b"x"), "off");
    assert!(user("on nopass").accepts(b"whatever"));
    assert!(!user("on nopass resetpass").accepts(b"whatever"));
    assert!(!user("on >x <x").accepts(b"x"));
    assert!(User::free(DEFAULT).is_open() && User::free(DEFAULT).may_all());
}

#[test]
fn the_default_user_and_the_one_password_are_the_same() {
    let mut auth = Auth::default();
    assert!(Users::of(&auth).expect("users").default_user().is_open());
    set_default_password(&mut auth, Some(PasswordHash::of(b"x")));
    assert!(auth.users.is_empty());
    let users = Users::of(&auth).expect("users");
    assert!(users.default_user().accepts(b"x") && !users.default_user().is_open());
    assert!(users.default_user().may_all());

    let mut default = User::clone(users.default_user());
    default.take(b">y").expect("a rule");
    default.take(b"-flushall").expect("a rule");
    keep(&mut auth, &default);
    assert_eq!(auth.password_hash, Some(PasswordHash::of(b"x").to_text()));
    let users = Users::of(&auth).expect("users");
    assert_eq!(**users.default_user(), default);
    assert!(!users.default_user().may_all());

    set_default_password(&mut auth, None);
    let users = Users::of(&auth).expect("users");
    assert!(users.default_user().is_open() && !users.default_user().may_all());

    // Nobody comes in any more.
    let mut default = User::free(DEFAULT);
    default.take(b"resetpass").expect("a rule");
    keep(&mut auth, &default);
    let users = Users::of(&auth).expect("users");
    assert!(!users.default_user().is_open() && !users.default_user().accepts(b""));

    auth.users.insert("bob".to_owned(), "on +foo".to_owned());
    let problems = Users::of(&auth).expect_err("no such command");
    assert_eq!(problems[0].0, "bob");
    auth.users.insert("bob".to_owned(), "on >secret".to_owned());
    let problems = Users::of(&auth).expect_err("a password");
    assert!(!problems[0].1.contains("secret"), "{}", problems[0].1);
}
