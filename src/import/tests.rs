//! Tests of addresses, contents and the state file.

use std::fs;

use hyperion_wire::reply::Reply;

use super::content::sum;
use super::error::ImportError;
use super::state::State;
use super::url::Url;

fn bulk(text: &str) -> Reply {
    Reply::Bulk(text.as_bytes().to_vec())
}

fn array(text: &str) -> Reply {
    Reply::Array(text.split(' ').map(bulk).collect())
}

#[test]
fn addresses_are_read() {
    let url = |user: Option<&str>, password: Option<&str>, database| Url {
        user: user.map(str::to_owned),
        password: password.map(str::to_owned),
        address: "h:1".to_owned(),
        database,
    };
    for (text, expected) in [
        ("redis://h:1", url(None, None, 0)),
        ("h:1", url(None, None, 0)),
        ("redis://h:1/", url(None, None, 0)),
        ("redis://h:1/3", url(None, None, 3)),
        ("redis://:p@h:1", url(None, Some("p"), 0)),
        ("redis://u:p%40%3a@h:1/2", url(Some("u"), Some("p@:"), 2)),
    ] {
        assert_eq!(Url::parse(text).ok(), Some(expected), "{text}");
    }
    for text in
        ["", "h", "h:x", ":1", "http://h:1", "redis://h:1/x", "redis://u@h:1", "redis://u:%4@h:1"]
    {
        assert!(matches!(Url::parse(text), Err(ImportError::BadUrl(_))), "{text}");
    }
    let error = Url::parse("redis://u:secret@h:x").expect_err("x is no port").to_string();
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn sums_are_of_the_content_alone() {
    let same = |value_type: &[u8], one: &Reply, other: &Reply| {
        let [one, other] = [one, other].map(|reply| sum(b"k", value_type, reply).expect("a value"));
        one == other
    };
    assert!(same(b"hash", &array("a 1 b 2"), &array("b 2 a 1")));
    assert!(!same(b"hash", &array("a 1 b 2"), &array("a 2 b 1")));
    assert!(same(b"set", &array("a b"), &array("b a")));
    assert!(!same(b"list", &array("a b"), &array("b a")));
    assert!(!same(b"list", &array("ab c"), &array("a bc")));
    assert!(same(b"zset", &array("a 0.10000000000000001"), &array("a 0.1")));
    assert!(!same(b"zset", &array("a 1"), &array("a 2")));
    assert_ne!(sum(b"k", b"set", &array("a")), sum(b"k", b"list", &array("a")));
    assert_ne!(sum(b"k", b"string", &bulk("a")), sum(b"l", b"string", &bulk("a")));
    assert_eq!(sum(b"k", b"string", &Reply::Null), None);
    assert_eq!(sum(b"k", b"list", &Reply::Array(Vec::new())), None);
    assert!(sum(b"k", b"stream", &Reply::Array(Vec::new())).is_some());
}

#[test]
fn a_run_that_was_cut_short_goes_on() {
    let folder = std::env::temp_dir().join(format!("hyperion-import-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("state.json");
    let [from, to] = ["h:1", "h:2"].map(|text| Url::parse(text).expect("an address"));
    let begin = |from: &Url, run: &str| State::begin(&path, from, &to, run);
    let mut state = begin(&from, "run").expect("there is none");
    assert_eq!((state.cursor(), state.resumed_sentence()), (0, String::new()));
    state.advance(7, 10, 100).expect("it is written");
    let state = begin(&from, "run").expect("it is of the same");
    assert_eq!((state.cursor(), state.done()), (7, (10, 100)));
    assert!(state.resumed_sentence().contains("10 keys"));
    // Where the target was emptied, nothing was done.
    let mut emptied = begin(&from, "run").expect("it is of the same");
    emptied.begin_anew();
    assert_eq!((emptied.cursor(), emptied.done()), (0, (0, 0)));
    assert_eq!(emptied.resumed_sentence(), "");
    // Cursors of another run mean nothing.
    assert_eq!(begin(&from, "other").expect("it begins anew").cursor(), 0);
    let other = Url::parse("h:3").expect("an address");
    assert!(begin(&other, "run").expect_err("it is of another").to_string().contains("--state"));
    fs::write(&path, "{").expect("it is written");
    assert!(
        begin(&from, "run").expect_err("it is none").to_string().contains("no file of an import")
    );
    fs::remove_file(&path).expect("it is there");
    state.finish().expect("that it is gone is no error");
    fs::remove_dir_all(&folder).expect("it is ours");
}
