//! Tests of DUMP and RESTORE.

use super::stage::Stage;
use crate::command::rdb::seal;
use hyperion_store::Policy;
use proptest::prelude::*;

/// What a recorded string stands for.
fn bytes_of(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [byte, behind @ ..] = rest {
        rest = behind;
        let (byte, used) = match (byte, rest) {
            (b'\\', [b'x', digits @ ..]) => {
                let digits = std::str::from_utf8(&digits[..2]).unwrap();
                (u8::from_str_radix(digits, 16).unwrap(), 3)
            }
            (b'\\', [b'n', ..]) => (b'\n', 1),
            (b'\\', [b'r', ..]) => (b'\r', 1),
            (b'\\', [b't', ..]) => (b'\t', 1),
            (b'\\', [other, ..]) => (*other, 1),
            _ => (*byte, 0),
        };
        bytes.push(byte);
        rest = &rest[used..];
    }
    bytes
}

fn dump(stage: &mut Stage, key: &str) -> Vec<u8> {
    let told = stage.run(&format!("DUMP {key}"));
    bytes_of(told.strip_prefix('$').unwrap_or_else(|| panic!("DUMP {key}: {told}")))
}

fn restore(stage: &mut Stage, key: &str, payload: &[u8]) -> String {
    stage.run_words(&[b"RESTORE", key.as_bytes(), b"0", payload])
}

/// A key of each type, small and large.
fn fill(stage: &mut Stage) -> Vec<&'static str> {
    stage.run("MSET string text empty \"\" number 12");
    stage.run(&format!("SET long {}", "0123456789".repeat(20_000)));
    for (key, count) in [("small", 5), ("large", 700)] {
        for at in 0..count {
            stage.run(&format!("HSET hash-{key} field:{at} value:{at}"));
            stage.run(&format!("RPUSH list-{key} element:{}", at % 7));
            stage.run(&format!("SADD set-{key} {at}"));
            stage.run(&format!("ZADD zset-{key} {}.5 member:{at}", at % 5));
            stage.run(&format!("XADD stream-{key} {}-{} a {at} b 2", 1 + at / 3, 1 + at % 3));
        }
    }
    stage.run("ZADD zset-small inf above -inf below -0 zero");
    stage.run("XADD stream-small * other fields of this one");
    stage.run("XDEL stream-small 1-2");
    stage.run("XGROUP CREATE stream-small g 0");
    stage.run("XGROUP CREATE stream-small h $");
    stage.run("XREADGROUP GROUP g c COUNT 2 STREAMS stream-small >");
    stage.run("XREADGROUP GROUP g d COUNT 1 STREAMS stream-small >");
    stage.run("XGROUP CREATE stream-empty g $ MKSTREAM");
    vec![
        "string",
        "empty",
        "number",
        "long",
        "hash-small",
        "hash-large",
        "list-small",
        "list-large",
        "set-small",
        "set-large",
        "zset-small",
        "zset-large",
        "stream-small",
        "stream-large",
        "stream-empty",
    ]
}

#[test]
fn what_was_dumped_is_restored() {
    let mut stage = Stage::new();
    for key in fill(&mut stage) {
        let payload = dump(&mut stage, key);
        assert_eq!(restore(&mut stage, "again", &payload), "+OK", "{key}");
        assert_eq!(dump(&mut stage, "again"), payload, "{key}");
        for line in ["TYPE", "OBJECT ENCODING"] {
            assert_eq!(
                stage.run(&format!("{line} again")),
                stage.run(&format!("{line} {key}")),
                "{line} {key}"
            );
        }
        stage.run("DEL again");
    }
    for (key, line) in [
        ("hash-large", "HGET K field:699"),
        ("hash-large", "HGETALL K"),
        ("set-large", "SISMEMBER K 699"),
        ("list-large", "LRANGE K 0 -1"),
        ("zset-large", "ZRANGE K 0 -1 WITHSCORES"),
        ("zset-large", "ZSCORE K member:699"),
        ("zset-small", "ZRANGE K 0 -1 WITHSCORES"),
        ("stream-small", "XRANGE K - +"),
        ("stream-small", "XINFO STREAM K"),
        ("stream-small", "XINFO GROUPS K"),
        ("stream-small", "XPENDING K g - + 10"),
        ("stream-small", "XINFO CONSUMERS K g"),
        ("stream-large", "XRANGE K - +"),
    ] {
        let payload = dump(&mut stage, key);
        stage.run_words(&[b"RESTORE", b"again", b"0", &payload, b"REPLACE"]);
        let [ours, again] = [key, "again"].map(|key| stage.run(&line.replace('K', key)));
        assert_eq!(ours, again, "{line}");
    }
    assert_eq!(
        stage.run("HSET again x 1"),
        "-WRONGTYPE Operation against a key holding the wrong kind of value"
    );
    assert_eq!(stage.run("XADD again 9999-1 a 1"), "$9999-1");
}

#[test]
fn options_and_errors_are_those_of_redis() {
    let mut stage = Stage::new();
    stage.run("SET a 1");
    let payload = dump(&mut stage, "a");
    assert_eq!(payload, b"\0\x011\x0a\0\xc8\xdf\xa0\x4e\x20\x7e\x47\xa9", "as Redis 7.0 reads it");
    let mut other_sum = payload.clone();
    other_sum[0] ^= 1;
    let mut other_version = b"\0\x011\xff\xff".to_vec();
    seal(&mut other_version);
    let mut no_value = b"\x01\0".to_vec();
    seal(&mut no_value);
    let mut twice = b"\x02\x02\x01a\x01a".to_vec();
    seal(&mut twice);
    let now = super::stage::START_MS;
    let (later, sooner) = ((now + 5_000).to_string(), (now - 1).to_string());
    let syntax = "-ERR syntax error";
    let bad_sum = "-ERR DUMP payload version or checksum are wrong";
    for (ttl, payload, options, expected) in [
        ("0", &payload, "", "-BUSYKEY Target key name already exists."),
        ("x", &payload, "", "-BUSYKEY Target key name already exists."),
        ("x", &payload, "REPLACE", "-ERR value is not an integer or out of range"),
        ("-1", &payload, "REPLACE", "-ERR Invalid TTL value, must be >= 0"),
        ("0", &payload, "REPLACE x", syntax),
        ("0", &payload, "REPLACE IDLETIME", syntax),
        ("0", &payload, "IDLETIME 1 FREQ 1", syntax),
        ("0", &payload, "IDLETIME -1", "-ERR Invalid IDLETIME value, must be >= 0"),
        ("0", &payload, "FREQ 256", "-ERR Invalid FREQ value, must be >= 0 and <= 255"),
        ("0", &payload, "FREQ x", "-ERR value is not an integer or out of range"),
        ("0", &other_sum, "REPLACE", bad_sum),
        ("0", &b"short".to_vec(), "REPLACE", bad_sum),
        ("0", &no_value, "REPLACE", "-ERR Bad data format"),
        ("0", &twice, "REPLACE", "-ERR Bad data format"),
        ("0", &payload, "REPLACE IDLETIME 5", "+OK"),
        ("5000", &payload, "replace freq 5", "+OK"),
        (&later, &payload, "REPLACE ABSTTL", "+OK"),
    ] {
        let mut words = vec![&b"RESTORE"[..], b"a", ttl.as_bytes(), payload];
        words.extend(options.split(' ').filter(|word| !word.is_empty()).map(str::as_bytes));
        assert_eq!(stage.run_words(&words), expected, "{ttl} {options}");
        let left = if ttl.len() > 1 && expected == "+OK" { ":5000" } else { ":-1" };
        assert_eq!(stage.run("PTTL a"), left, "{ttl} {options}");
        assert_eq!(stage.run("GET a"), "$1");
    }
    let words = [&b"RESTORE"[..], b"a", sooner.as_bytes(), &payload, b"ABSTTL", b"REPLACE"];
    assert_eq!(stage.run_words(&words), "+OK");
    assert_eq!(stage.run("EXISTS a"), ":0");
    assert_eq!(stage.run("DUMP a"), "$-1");
    // The version says nothing that the sum does not.
    assert_eq!(restore(&mut stage, "a", &other_version), "-ERR Bad data format");
    assert_eq!(stage.run("DBSIZE"), ":0");
}

#[test]
fn keys_come_with_their_uses() {
    let mut stage = Stage::new();
    stage.run("SET a 1");
    let payload = dump(&mut stage, "a");
    let restore = |stage: &mut Stage, options: &str| {
        let mut words = vec![&b"RESTORE"[..], b"a", b"0", &payload, b"REPLACE"];
        words.extend(options.split(' ').map(str::as_bytes));
        assert_eq!(stage.run_words(&words), "+OK", "{options}");
    };
    for policy in [Policy::None, Policy::AllkeysLru] {
        stage.store.set_policy(policy);
        for seconds in [1_000, 0, 7, 86_400] {
            restore(&mut stage, &format!("IDLETIME {seconds}"));
            assert_eq!(stage.run("OBJECT IDLETIME a"), format!(":{seconds}"), "{policy:?}");
        }
        // What is not counted is passed over.
        restore(&mut stage, "FREQ 100");
        restore(&mut stage, &format!("IDLETIME {}", i64::MAX));
        stage.run("GET a");
        assert_eq!(stage.run("OBJECT IDLETIME a"), ":0");
    }
    stage.store.set_policy(Policy::AllkeysLfu);
    for frequency in [0, 5, 100, 255] {
        restore(&mut stage, &format!("FREQ {frequency}"));
        assert_eq!(stage.run("OBJECT FREQ a"), format!(":{frequency}"));
        restore(&mut stage, "IDLETIME 1000");
    }
}

#[test]
fn fields_expire_as_they_did() {
    let mut stage = Stage::new();
    for count in [3, 900] {
        for at in 0..count {
            stage.run(&format!("HSET h field:{at} value:{at}"));
        }
        stage.run("HPEXPIRE h 5000 FIELDS 1 field:1");
        stage.run("HPEXPIRE h 7000 FIELDS 1 field:2");
        let payload = dump(&mut stage, "h");
        assert_eq!(restore(&mut stage, "again", &payload), "+OK");
        assert_eq!(dump(&mut stage, "again"), payload);
        let line = "HPTTL again FIELDS 4 field:0 field:1 field:2 none";
        assert_eq!(stage.run(line), "*4 :-1 :5000 :7000 :-2");
        stage.wait(6000);
        assert_eq!(stage.run("HGET again field:1"), "$-1");
        assert_eq!(stage.run("HLEN again"), format!(":{}", count - 1));
        // What has expired is not told, and not put in.
        let later = dump(&mut stage, "h");
        for payload in [&payload, &later] {
            stage.run("DEL again");
            assert_eq!(restore(&mut stage, "again", payload), "+OK");
            assert_eq!(stage.run("HLEN again"), format!(":{}", count - 1));
            assert_eq!(stage.run(line), "*4 :-1 :-2 :1000 :-2");
        }
        stage.wait(1000);
        let plain = dump(&mut stage, "h");
        assert_eq!(restore(&mut stage, "plain", &plain), "+OK");
        assert_eq!(stage.run("HLEN plain"), format!(":{}", count - 2));
        stage.run("DEL h again plain");
    }
    stage.run("HSET h a 1 b 2");
    stage.run("HPEXPIRE h 10 FIELDS 2 a b");
    let payload = dump(&mut stage, "h");
    stage.wait(10);
    assert_eq!(stage.run("DUMP h"), "$-1");
    stage.run("SET other 1");
    let words: [&[u8]; 5] = [b"RESTORE", b"other", b"0", &payload, b"REPLACE"];
    assert_eq!(stage.run_words(&words), "+OK");
    assert_eq!(stage.run("EXISTS other"), ":0");
}

#[test]
fn a_hash_whose_fields_expire_has_the_form_of_redis_7_4() {
    let mut stage = Stage::new();
    stage.run("HSET h a 1");
    stage.run("HPEXPIREAT h 1700000000005 FIELDS 1 a");
    let payload = dump(&mut stage, "h");
    assert_eq!(
        &payload[..payload.len() - 8],
        b"\x18\x05\x68\xe5\xcf\x8b\x01\0\0\x01\x01\x01a\x011\x0c\0"
    );
}

/// A value of each type as a payload without its footer.
fn bodies() -> Vec<Vec<u8>> {
    let mut stage = Stage::new();
    let keys = fill(&mut stage);
    let mut bodies: Vec<Vec<u8>> = keys.iter().map(|key| dump(&mut stage, key)).collect();
    bodies.retain(|body| body.len() < 10_000);
    bodies.iter_mut().for_each(|body| body.truncate(body.len() - 10));
    bodies.extend([
        b"\0\xc3\x05\x0d\x00a\xe0\x03\x00".to_vec(),
        b"\x0a\x10\x10\0\0\0\x0d\0\0\0\x02\0\x00\x01a\x03\xf2\xff".to_vec(),
        b"\x10\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff".to_vec(),
        b"\x12\x02\x01\x01x\x02\x0c\x0c\0\0\0\x02\0\x81a\x02\x01\x01\xff".to_vec(),
        b"\x0b\x0c\x02\0\0\0\x02\0\0\0\xff\xff\x07\0".to_vec(),
        b"\x09\x09\x01\x01a\x02\x01bc-\xff".to_vec(),
        b"\x18\0\0\0\0\0\x02\0\0\x02\x01\x01a\x01b\0\x01c\x01d".to_vec(),
        b"\x17\x12\x12\0\0\0\x03\0\x81a\x02\x01\x01\xf4\0\0\0\0\0\x02\0\0\x09\xff".to_vec(),
    ]);
    bodies
}

fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0), Just(0xff), Just(0x7f), Just(0x80), Just(0x81), any::<u8>()];
    let change = (any::<prop::sample::Index>(), 0..3_u8, byte);
    (prop::sample::select(bodies()), prop::collection::vec(change, 1..5)).prop_map(
        |(mut body, changes)| {
            for (at, kind, byte) in changes {
                // The type stays: the others have their own tests.
                let at = 1 + at.index(body.len().max(2) - 1);
                match kind {
                    0 if at < body.len() => body[at] = byte,
                    1 if at < body.len() => drop(body.remove(at)),
                    _ => body.insert(at.min(body.len()), byte),
                }
            }
            body
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever comes is refused or is a value that can be told again, and was not before.
    #[test]
    fn damaged_values_are_refused_or_are_values(mut body in damaged()) {
        let mut stage = Stage::new();
        seal(&mut body);
        let told = restore(&mut stage, "a", &body);
        if told == "+OK" && stage.run("EXISTS a") == ":0" {
            // All fields of a hash had expired.
            prop_assert!([22, 23, 24].contains(&body[0]), "{}", body.escape_ascii());
        } else if told == "+OK" {
            let payload = dump(&mut stage, "a");
            prop_assert_eq!(restore(&mut stage, "b", &payload), "+OK");
            prop_assert_eq!(dump(&mut stage, "b"), payload);
            prop_assert_eq!(stage.run("DEL a b"), ":2");
        } else {
            prop_assert_eq!(told, "-ERR Bad data format");
            prop_assert_eq!(stage.run("DBSIZE"), ":0");
        }
    }

    #[test]
    fn any_bytes_are_no_danger(form in 0..26_u8, rest in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut body = vec![form];
        body.extend(rest);
        seal(&mut body);
        let mut stage = Stage::new();
        let told = restore(&mut stage, "a", &body);
        prop_assert!(told == "+OK" || told == "-ERR Bad data format", "{}", told);
    }
}

/// The first form of streams does not say how much a group has read: it is told where the group stands at an end, or behind the first entry.
#[test]
fn how_far_a_group_is_in_an_old_stream_is_estimated() {
    let mut stage = Stage::new();
    stage.run("XADD s 5-0 a 1");
    stage.run("XADD s 6-0 a 1");
    stage.run("XADD s 7-0 a 1");
    for (number, id) in ["0", "5-0", "6-0", "7-0", "8-0"].into_iter().enumerate() {
        stage.run(&format!("XGROUP CREATE s g{number} {id}"));
    }
    let mut body = dump(&mut stage, "s");
    body.truncate(body.len() - 10);
    // The form of Redis 5: without the first id, the greatest deleted one and the counters.
    body[0] = 15;
    let head = b"\x03\x07\0\x05\0\0\0\x03\x05";
    let at = body.windows(head.len()).position(|part| part == head).expect("counters");
    body.splice(at + 3..at + 8, []);
    for (number, ids) in [(0, "\0\0"), (1, "\x05\0"), (2, "\x06\0"), (3, "\x07\0"), (4, "\x08\0")] {
        let group = format!("\x02g{number}{ids}");
        let at = body.windows(group.len()).position(|part| part == group.as_bytes());
        let at = at.expect("a group") + group.len();
        let read_bytes = if body[at] == 0x81 { 9 } else { 1 };
        body.splice(at..at + read_bytes, []);
    }
    seal(&mut body);
    assert_eq!(restore(&mut stage, "old", &body), "+OK");
    let told = stage.run("XINFO GROUPS old");
    let read: Vec<&str> = told.split("$entries-read ").skip(1).collect();
    let read: Vec<&str> = read.iter().filter_map(|rest| rest.split(' ').next()).collect();
    assert_eq!(read, [":0", ":1", "$-1", ":3", "$-1"], "{told}");
}
