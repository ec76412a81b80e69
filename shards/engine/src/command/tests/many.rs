//! Tests of commands that put many names in at once: they leave what the same names leave one by one.

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
