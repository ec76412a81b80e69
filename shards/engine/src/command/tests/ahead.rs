//! Tests of what is told of commands before they run: the chunks that are asked for are those that have the names.

use super::stage::Stage;
use crate::command::ahead::AheadOf;
use crate::command::find;
use crate::command::sorted_set::score_of_value;

const NAMES: u32 = 4_000;

fn value_ahead(stage: &Stage, words: &[&[u8]]) -> Option<Vec<u8>> {
    let key = stage.store.key(stage.database, words[1]);
    let spec = find(words[0]).expect("it is in the table");
    let mut ahead = AheadOf::new(&stage.store, &key, spec, words)?;
    ahead.load();
    let value = ahead.value().map(<[u8]>::to_vec);
    ahead.look_back();
    ahead.load();
    value
}

#[test]
fn the_chunks_that_are_asked_for_have_the_names() {
    let mut stage = Stage::new();
    for number in 0..NAMES {
        let (name, other) = (format!("name:{number}"), number * 7 % NAMES);
        stage.run(&format!("HSET h {name} value:{number}"));
        stage.run(&format!("ZADD z {other} {name}"));
    }
    for number in 0..NAMES {
        let name = format!("name:{number}");
        let value = value_ahead(&stage, &[b"hget", b"h", name.as_bytes()]);
        assert_eq!(value, Some(format!("value:{number}").into_bytes()), "{name}");
        let value = value_ahead(&stage, &[b"zadd", b"z", b"12", name.as_bytes()]);
        let score = value.map(|value| score_of_value(&value));
        assert_eq!(score, Some(f64::from(number * 7 % NAMES)), "{name}");
    }
    assert_eq!(value_ahead(&stage, &[b"hget", b"h", b"none"]), None);
}

#[test]
fn what_is_small_or_no_collection_is_not_looked_at() {
    let mut stage = Stage::new();
    stage.run("HSET h field value");
    stage.run("SET s value");
    for key in [&b"h"[..], b"s", b"none"] {
        assert_eq!(value_ahead(&stage, &[b"hget", key, b"field"]), None, "{}", key.escape_ascii());
    }
    // Options, and a line that is too short.
    assert_eq!(value_ahead(&stage, &[b"zadd", b"h", b"NX", b"1", b"a"]), None);
    assert_eq!(value_ahead(&stage, &[b"zadd", b"h"]), None);
}
