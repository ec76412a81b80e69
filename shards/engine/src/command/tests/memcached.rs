//! What memcached's commands do to a key, as the front sends them.

use super::stage::Stage;

/// Runs `verb key words...`; the last word of what stores is the value.
fn run(stage: &mut Stage, line: &str) -> String {
    let mut words = line.splitn(3, ' ');
    let (verb, key) = (words.next().unwrap(), words.next().unwrap());
    let rest = words.next().unwrap_or_default();
    stage.run(format!("memcached-store {key} {verb} {key} {rest}").trim_end())
}

fn play(table: &[(&str, &str)]) {
    let mut stage = Stage::new();
    for (at, (line, answer)) in table.iter().enumerate() {
        let is_plain = line.starts_with("wait") || line.starts_with(char::is_uppercase);
        let told = if is_plain { stage.run(line) } else { run(&mut stage, line) };
        assert_eq!(told, *answer, "step {at}: {line}");
    }
}

#[test]
fn times() {
    play(&[
        ("set a 0 10 1 x", "$STORED"),
        ("TTL a", ":10"),
        ("set a 0 2592000 1 x", "$STORED"),
        ("TTL a", ":2592000"),
        // Behind 30 days it is Unix time, which is over here.
        ("set a 0 2592001 1 x", "$STORED"),
        ("EXISTS a", ":0"),
        ("set a 0 1700000100 1 x", "$STORED"),
        ("TTL a", ":100"),
        ("touch a 0", "$TOUCHED"),
        ("TTL a", ":-1"),
        ("touch a -1", "$TOUCHED"),
        ("EXISTS a", ":0"),
        ("set a 0 9223372036854775807 1 x", "$STORED"),
        ("set a 0 1 1 x", "$STORED"),
        ("wait 1001", ""),
        ("get a", "$-1"),
    ]);
}

#[test]
fn numbers_stay_with_marks_and_change_with_values() {
    play(&[
        ("ms a 1 E100 F3 x", "$HD"),
        ("mg a c f", "$HD c100 f3"),
        ("touch a 50", "$TOUCHED"),
        ("mg a c t f", "$HD c100 t50 f3"),
        ("mg a R60 c", "$HD c100 W"),
        ("mg a R60 c", "$HD c100 Z"),
        ("EXPIRE a 70", ":1"),
        ("mg a c t f", "$HD c100 t70 f3 Z"),
        ("append a 0 0 1 y", "$STORED"),
        ("mg a f v t", "$VA 2 f3 t70 Z $xy"),
        ("ms a 1 C100 z", "$EX"),
        ("SET a plain", "+OK"),
        ("mg a f t", "$HD f0 t-1"),
        ("ms a 1 E4611686018427387903 x", "$HD"),
        ("set a 0 0 1 y", "$STORED"),
        ("ms a 1 E4611686018427387904 x", "$CLIENT_ERROR bad token in command line format"),
        ("HSET h f 1", ":1"),
        ("get h", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
    ]);
}

#[test]
fn a_value_of_another_client_has_the_number_of_its_write() {
    let mut stage = Stage::new();
    let cas = |stage: &mut Stage| run(stage, "mg a c");
    stage.run("SET a 1");
    let first = cas(&mut stage);
    assert_eq!(cas(&mut stage), first);
    // A write of the same bytes is a write, as that of an end is; memcached's own clients give an end without one.
    stage.run("SET a 1");
    let second = cas(&mut stage);
    assert_ne!(second, first);
    stage.run("EXPIRE a 100");
    let third = cas(&mut stage);
    assert_ne!(third, second);
    assert_eq!(run(&mut stage, "touch a 50"), "$TOUCHED");
    assert_eq!(cas(&mut stage), third);
    stage.run("SET a 2");
    assert_ne!(cas(&mut stage), third);
    // A string that is changed where it lies, too.
    stage.run("SETRANGE a 100000 x");
    let long = cas(&mut stage);
    stage.run("SETBIT a 0 1");
    let changed = cas(&mut stage);
    assert_ne!(changed, long);
    stage.run("SETRANGE a 5 ab");
    let other = cas(&mut stage);
    stage.run("SETRANGE a 5 ab");
    assert_ne!(cas(&mut stage), other);
    let changed = cas(&mut stage);
    assert_eq!(run(&mut stage, "touch a 50"), "$TOUCHED");
    assert_eq!(cas(&mut stage), changed);
    let number = long.strip_prefix("$HD c").unwrap();
    assert_eq!(run(&mut stage, &format!("cas a 0 0 1 {number} x")), "$EXISTS");
}

#[test]
fn flags_are_checked() {
    play(&[
        ("mg a z", "$CLIENT_ERROR invalid flag"),
        ("mg a c c", "$CLIENT_ERROR duplicate flag"),
        ("mg a T", "$CLIENT_ERROR bad token in command line format"),
        ("md a f", "$CLIENT_ERROR invalid flag"),
        ("ma a MX", "$CLIENT_ERROR invalid mode for ma M token"),
        ("ma a N0 J18446744073709551615 v", "$VA 20 $18446744073709551615"),
        ("ma a v D2", "$VA 1 $1"),
        ("ma a MD v D2", "$VA 1 $0"),
        ("ms b 1 MA x", "$NS"),
        ("ms b 1 MA N5 x", "$HD"),
        ("mg b t v", "$VA 1 t5 $x"),
        ("md b x", "$HD"),
        ("mg b v s", "$VA 0 s0 $"),
        ("mg c N5 v", "$VA 0 W $"),
        ("md c q", "$-1"),
        ("mg c q", "$-1"),
    ]);
}
