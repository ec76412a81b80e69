//! Tests of commands about many names at once: they leave, and answer, what the same names do one by one.

use super::stage::Stage;
use proptest::prelude::*;

/// Numbers that name fields and members, with repeats.
fn names() -> impl Strategy<Value = Vec<u16>> {
    (1..400_u16, 1..300_usize)
        .prop_flat_map(|(highest, count)| prop::collection::vec(0..highest, count))
}

/// The words of a command that puts names in; the value of a field is its place among them.
fn line(command: &str, key: &str, names: &[u16], from: usize) -> String {
    let words = names.iter().enumerate().map(|(at, name)| match command {
        "HSET" => format!("name:{name} value:{}", from + at),
        _ => format!("name:{name}"),
    });
    format!("{command} {key} {}", words.collect::<Vec<_>>().join(" "))
}

fn count(told: &str) -> u64 {
    told.strip_prefix(':').and_then(|count| count.parse().ok()).expect("a count")
}

fn sorted(told: &str) -> Vec<&str> {
    let mut words: Vec<&str> = told.split(' ').collect();
    words.sort_unstable();
    words
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn many_at_once_are_as_one_by_one(before in names(), names in names(), expires in any::<bool>()) {
        let mut stage = Stage::new();
        for (command, all) in [("SADD", "SMEMBERS"), ("HSET", "HGETALL")] {
            for key in ["a", "b"] {
                for (at, name) in before.iter().enumerate() {
                    stage.run(&line(command, key, &[*name], at));
                }
                if expires {
                    stage.run(&format!("HPEXPIRE {key} 100 FIELDS 1 name:{}", before[0]));
                }
            }
            let at_once = count(&stage.run(&line(command, "a", &names, 0)));
            let mut one_by_one = 0;
            for (at, name) in names.iter().enumerate() {
                one_by_one += count(&stage.run(&line(command, "b", &[*name], at)));
            }
            prop_assert_eq!(at_once, one_by_one);
            let [a, b] = ["a", "b"].map(|key| stage.run(&format!("{all} {key}")));
            prop_assert_eq!(sorted(&a), sorted(&b));
            if expires {
                let line = format!("HPTTL a FIELDS 1 name:{}", before[0]);
                let ttl = stage.run(&line);
                prop_assert_eq!(ttl, stage.run(&line.replace(" a ", " b ")));
            }
            stage.run("DEL a b");
        }
    }
}

/// A hundred thousand names once took a turn of sixteen seconds: each was looked for among all before it.
#[test]
fn a_new_collection_is_in_chunks() {
    let mut stage = Stage::new();
    let names: Vec<u16> = (0..20_000).collect();
    for (command, length) in [("SADD", "SCARD"), ("HSET", "HLEN")] {
        assert_eq!(stage.run(&line(command, "k", &names, 0)), ":20000");
        assert_eq!(stage.run(&format!("{length} k")), ":20000");
        assert_eq!(stage.run(&line(command, "k", &names[..100], 0)), ":0");
        stage.run("EXPIRE k 100");
        assert_eq!(stage.run(&line(command, "k", &names, 0)), ":0");
        assert_eq!(stage.run("TTL k"), ":100");
        stage.run("DEL k");
    }
}

/// Runs a command for all words at once, and for each in turn on another key; gives both answers in one form.
fn both(stage: &mut Stage, (before, behind): (&str, &str), words: &[String]) -> [Vec<String>; 2] {
    let told = |text: String| {
        let words = text.split(' ').filter(|word| !word.starts_with('*'));
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let line = |key: &str, words: &[String]| {
        let (before, count) = (before.replace("KEY", key), words.len().to_string());
        format!("{} {}{behind}", before.replace("COUNT", &count), words.join(" "))
    };
    let at_once = told(stage.run(&line("a", words)));
    let one_by_one =
        words.iter().flat_map(|word| told(stage.run(&line("b", std::slice::from_ref(word)))));
    [at_once, one_by_one.collect()]
}

fn sum(told: &[String]) -> u64 {
    told.iter().map(|word| count(word)).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_taken_out_at_once_is_gone_as_one_by_one(before in names(), gone in names()) {
        let mut stage = Stage::new();
        let words: Vec<String> = gone.iter().map(|name| format!("name:{name}")).collect();
        for (put, take, all) in [
            ("SADD", "SREM", "SMEMBERS KEY"),
            ("HSET", "HDEL", "HGETALL KEY"),
            ("ZADD", "ZREM", "ZRANGE KEY 0 -1 WITHSCORES"),
        ] {
            for key in ["a", "b"] {
                for (at, name) in before.iter().enumerate() {
                    match put {
                        "ZADD" => stage.run(&format!("ZADD {key} {} name:{name}", at % 7)),
                        _ => stage.run(&line(put, key, &[*name], at)),
                    };
                }
                if put == "HSET" {
                    let some = before.iter().step_by(3).map(|name| format!("name:{name}"));
                    let some: Vec<String> = some.collect();
                    stage.run(&format!("HPEXPIRE {key} 500 FIELDS {} {}", some.len(), some.join(" ")));
                }
            }
            let [at_once, one_by_one] = both(&mut stage, (&format!("{take} KEY"), ""), &words);
            prop_assert_eq!(sum(&at_once), sum(&one_by_one), "{}", take);
            let [a, b] = ["a", "b"].map(|key| stage.run(&all.replace("KEY", key)));
            prop_assert_eq!(sorted(&a), sorted(&b), "{}", take);
            if put == "HSET" {
                let [a, b] = both(&mut stage, ("HPTTL KEY FIELDS COUNT", ""), &words);
                prop_assert_eq!(a, b);
            }
            stage.run("DEL a b");
        }
    }

    #[test]
    fn fields_expire_at_once_as_one_by_one(before in names(), named in names(), times in prop::collection::vec(0..4_usize, 1..6)) {
        let mut stage = Stage::new();
        for key in ["a", "b"] {
            for (at, name) in before.iter().enumerate() {
                stage.run(&line("HSET", key, &[*name], at));
            }
        }
        // Each round names other fields, of which some are not there and some are there twice.
        for (round, condition) in (0_u16..).zip(&times) {
            let words: Vec<String> =
                named.iter().map(|name| format!("name:{}", name + 3 * round)).collect();
            let condition = ["", "NX ", "GT ", "LT "][*condition];
            let ms = [9_000, 700, 4_000, 0, 50][usize::from(round % 5)];
            let begin = format!("HPEXPIRE KEY {ms} {condition}FIELDS COUNT");
            let [a, b] = both(&mut stage, (&begin, ""), &words);
            prop_assert_eq!(a, b, "{}", begin);
            let half: Vec<String> = words.iter().step_by(2).cloned().collect();
            for begin in ["HPERSIST KEY FIELDS COUNT", "HGETEX KEY PX 800 FIELDS COUNT", "HPTTL KEY FIELDS COUNT"] {
                let [a, b] = both(&mut stage, (begin, ""), &half);
                prop_assert_eq!(a, b, "{}", begin);
            }
            let pairs = half.iter().map(|name| format!("{name} v{round}")).collect::<Vec<_>>();
            stage.run(&format!("HSETEX a PX 600 FIELDS {} {}", pairs.len(), pairs.join(" ")));
            for pair in &pairs {
                stage.run(&format!("HSETEX b PX 600 FIELDS 1 {pair}"));
            }
            let [a, b] = ["a", "b"].map(|key| stage.run(&format!("HGETALL {key}")));
            prop_assert_eq!(sorted(&a), sorted(&b));
            stage.wait(100);
            let [a, b] = ["a", "b"].map(|key| stage.run(&format!("HGETALL {key}")));
            prop_assert_eq!(sorted(&a), sorted(&b));
            let [a, b] = ["a", "b"].map(|key| stage.run(&format!("HLEN {key}")));
            prop_assert_eq!(a, b);
        }
    }

    #[test]
    fn pending_entries_change_hands_at_once_as_one_by_one(entries in 1..400_u16, named in names(), again in names()) {
        let mut stage = Stage::new();
        for key in ["a", "b"] {
            for id in 1..=entries {
                stage.run(&format!("XADD {key} {id}-1 f v"));
            }
            stage.run(&format!("XGROUP CREATE {key} g 0"));
            stage.run(&format!("XREADGROUP GROUP g one COUNT {} STREAMS {key} >", entries / 2 + 1));
            stage.run(&format!("XREADGROUP GROUP g two COUNT 40 STREAMS {key} >"));
        }
        let ids = |names: &[u16]| names.iter().map(|name| format!("{}-1", name + 1)).collect::<Vec<_>>();
        let facts = ["XPENDING KEY g - + 1000", "XPENDING KEY g", "XINFO GROUPS KEY", "XRANGE KEY - +", "XLEN KEY"];
        for (words, begin, end) in [
            (&named, "XCLAIM KEY g two 0", " JUSTID"),
            (&again, "XCLAIM KEY g three 0", " FORCE"),
            (&again, "XDEL KEY", ""),
            (&named, "XCLAIM KEY g one 0", " RETRYCOUNT 7"),
            (&named, "XACK KEY g", ""),
        ] {
            let [a, b] = both(&mut stage, (begin, end), &ids(words));
            if begin.starts_with("XCLAIM") {
                prop_assert_eq!(a, b, "{}", begin);
            } else {
                prop_assert_eq!(sum(&a), sum(&b), "{}", begin);
            }
            for fact in facts {
                let [a, b] = ["a", "b"].map(|key| stage.run(&fact.replace("KEY", key)));
                prop_assert_eq!(a, b, "{} behind {}", fact, begin);
            }
        }
        // A group that is set back is given them again.
        for key in ["a", "b"] {
            stage.run(&format!("XGROUP SETID {key} g 0"));
        }
        stage.run("XREADGROUP GROUP g four COUNT 1000 STREAMS a >");
        for _ in 0..entries {
            stage.run("XREADGROUP GROUP g four COUNT 1 STREAMS b >");
        }
        for fact in facts {
            let [a, b] = ["a", "b"].map(|key| stage.run(&fact.replace("KEY", key)));
            prop_assert_eq!(a, b, "{} behind a second delivery", fact);
        }
        let [a, b] = ["a", "b"].map(|key| stage.run(&format!("XAUTOCLAIM {key} g five 0 0 COUNT 1000 JUSTID")));
        prop_assert_eq!(a, b);
    }
}

/// Chunks are cut, some hold one long entry alone or a part of one, and segments are small, so that room for all is not always to be had.
fn several_names_of_a_large_collection(seed: u64, names: u64, longest: usize) {
    let (mut stage, mut dice) = (Stage::with_segments(1 << 18), seed);
    let mut roll = |sides: u64| {
        dice = dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (dice >> 33) % sides
    };
    for round in 0..120 {
        let count = if round < 30 { 60 } else { 2 + roll(40) };
        let (mut sum, mut one_by_one, command) = (0, 0, ["SADD", "HSET", "ZADD"][round % 3]);
        let (mut together, mut apart) = (String::new(), Vec::new());
        for _ in 0..count {
            let name = format!("name:{}", roll(names));
            let long = if roll(50) == 0 { longest } else { 30 };
            let value = "v".repeat(usize::try_from(roll(long as u64)).unwrap() + 1);
            let words = match command {
                "HSET" => format!("{name} {value}"),
                "ZADD" => format!("{} {name}", roll(500)),
                _ => name,
            };
            together += &format!(" {words}");
            apart.push(words);
        }
        let changed = if command == "ZADD" { "CH " } else { "" };
        let option = if changed.is_empty() { "" } else { ["NX", "XX", "GT", ""][round / 3 % 4] };
        let before = format!("{option} {changed}");
        let before = before.trim_start();
        sum +=
            self::count(&stage.run(&format!("{command} {command}:a {before}{}", together.trim())));
        for words in &apart {
            one_by_one +=
                self::count(&stage.run(&format!("{command} {command}:b {before}{words}")));
        }
        assert_eq!(sum, one_by_one, "{command} {before} in round {round} of seed {seed}");
        if round < 40 {
            continue;
        }
        let take = ["SREM", "HDEL", "ZREM"][round % 3];
        let gone: Vec<String> =
            (0..1 + roll(20)).map(|_| format!("name:{}", roll(names))).collect();
        let together = self::count(&stage.run(&format!("{take} {command}:a {}", gone.join(" "))));
        let apart =
            gone.iter().map(|name| self::count(&stage.run(&format!("{take} {command}:b {name}"))));
        assert_eq!(together, apart.sum::<u64>(), "{take} in round {round} of seed {seed}");
    }
    for key in ["ZADD:a", "ZADD:b"] {
        for line in [
            "ZREMRANGEBYRANK KEY 20 50",
            "ZREMRANGEBYSCORE KEY 100 103",
            "ZPOPMIN KEY 30",
            "ZPOPMAX KEY",
        ] {
            stage.run(&line.replace("KEY", key));
        }
        // All that is left goes in one command, name by name until nothing is.
        let left = stage.run(&format!("ZRANGE {key} 0 -1"));
        let left: Vec<&str> = left.split(' ').filter_map(|word| word.strip_prefix('$')).collect();
        assert_eq!(stage.run(&format!("ZCARD {key}")), format!(":{}", left.len()));
    }
    for (key, all) in [("SADD", "SMEMBERS"), ("HSET", "HGETALL"), ("ZADD", "ZRANGE")] {
        let behind = if all == "ZRANGE" { " 0 -1 WITHSCORES" } else { "" };
        let [a, b] = ["a", "b"].map(|end| stage.run(&format!("{all} {key}:{end}{behind}")));
        assert!(sorted(&a) == sorted(&b), "{key}: {} and {} bytes, seed {seed}", a.len(), b.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn several_names_are_as_one_by_one(seed in any::<u64>(), names in 500..6_000_u64, is_long in any::<bool>()) {
        several_names_of_a_large_collection(seed, names, if is_long { 150_000 } else { 2_000 });
    }
}

/// The names of the members that go leave their chunks, and then most of the ranks do: what is left was written anew, in another batch if need be.
#[test]
fn a_run_of_members_alone_in_their_chunks_goes_as_a_whole() {
    let mut stage = Stage::with_segments(1 << 20);
    let (short, long) = ("s".repeat(700), "l".repeat(12_000));
    for round in 0..8 {
        for at in 0..50 {
            stage.run(&format!("ZADD z {at} {at}:{short}"));
        }
        for at in 0..20 {
            stage.run(&format!("ZADD z {} {at}:{long}", 1_000 + at));
        }
        let line =
            if round % 2 == 0 { "ZREMRANGEBYRANK z 0 49" } else { "ZREMRANGEBYSCORE z 0 49" };
        assert_eq!(stage.run(line), ":50");
        assert_eq!(stage.run("ZCARD z"), ":20");
        assert_eq!(stage.run(&format!("ZSCORE z 19:{long}")), "$1019");
        assert_eq!(stage.run(&format!("ZSCORE z 0:{short}")), "$-1");
    }
}
