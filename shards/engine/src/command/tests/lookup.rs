//! Tests of the way from a name to its row, and of the rows.

use crate::command::{COMMANDS, Flags, KeySpec, Run, find, keys_of};

#[test]
fn every_command_is_found_by_its_name() {
    for (at, spec) in COMMANDS.iter().enumerate() {
        assert_eq!(spec.index(), at);
        let mixed: String = spec
            .name
            .char_indices()
            .map(|(at, letter)| if at % 2 == 0 { letter.to_ascii_uppercase() } else { letter })
            .collect();
        for name in [spec.name.to_owned(), spec.name.to_uppercase(), mixed] {
            let found = find(name.as_bytes()).map(|found| found.name);
            assert_eq!(found, Some(spec.name), "name {name}");
        }
    }
}

#[test]
fn nothing_else_is_found() {
    for name in [
        "",
        "g",
        "ge",
        "gett",
        "getx",
        "expireatx",
        "g\0t",
        "@et",
        "commandcommandcommand",
        "\u{7}et",
    ] {
        assert!(find(name.as_bytes()).is_none(), "name {name}");
    }
}

#[test]
fn rows_are_sound() {
    for spec in &COMMANDS {
        let name = spec.name;
        assert!(
            name.bytes().all(|letter| letter.is_ascii_lowercase() || b"_-".contains(&letter)),
            "{name}"
        );
        assert!(!spec.summary.is_empty() && !spec.since.is_empty(), "{name}");
        // It looks at no data, and runs where its client is.
        if name == "pfselftest" {
            continue;
        }
        let (writes, reads) = (spec.writes(), spec.flags.has(Flags::READONLY));
        let on_data = !matches!(spec.run, Run::Front(_));
        assert!(!(writes && reads), "{name}");
        if on_data {
            assert!(writes || reads, "{name}");
        }
        let has_keys = matches!(spec.run, Run::Key(_) | Run::Keys { .. });
        // WATCH has keys, and concerns the connection.
        assert!(!on_data || has_keys == (spec.keys != KeySpec::NONE), "{name}");
        // The shortest line has every key that a handler looks at; OBJECT HELP and MEMORY STATS have none.
        let words = usize::from(spec.arity.unsigned_abs());
        if has_keys && !["object", "memory", "xgroup", "xinfo"].contains(&name) {
            assert!(words > usize::from(spec.keys.first), "{name}");
        }
    }
}

#[test]
fn keys_are_where_the_row_says() {
    for (line, keys) in [
        ("get a", vec![1]),
        ("set a 1 EX 10", vec![1]),
        ("mget a b c", vec![1, 2, 3]),
        ("del a", vec![1]),
        ("mset a 1 b 2", vec![1, 3]),
        ("mset a 1 b", vec![1, 3]),
        ("copy a b DB 1", vec![1, 2]),
        ("rename a b", vec![1, 2]),
        ("object encoding a", vec![2]),
        ("xread COUNT 1 STREAMS a b 0 0", vec![4, 5]),
        ("xread STREAMS a b 0", vec![2]),
        ("xread STREAMS", vec![]),
        ("xread BLOCK streams STREAMS a 0", vec![4]),
        ("xreadgroup GROUP streams streams STREAMS a b > >", vec![5, 6]),
        ("object help", vec![]),
        ("ping a", vec![]),
        ("keys a", vec![]),
        ("scan 0", vec![]),
        ("get", vec![]),
        ("mget", vec![]),
    ] {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let spec = find(words[0]).unwrap();
        assert_eq!(keys_of(spec, &words).collect::<Vec<_>>(), keys, "{line}");
    }
}
