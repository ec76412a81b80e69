//! Collections beside a model, over kills: what was acknowledged is there again, in the forms that small and large ones have.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::client::{Dice, pipeline};
use super::harness::Setup;

const KILLS: usize = 3;
const ROUNDS: usize = 250;
const LINES_A_ROUND: usize = 12;
const NAMES: u64 = 900;

/// What the collections should hold.
#[derive(Default)]
struct Model {
    hash: BTreeMap<String, String>,
    ranks: BTreeMap<String, u64>,
    set: BTreeSet<String>,
    list: VecDeque<String>,
    entries: u64,
}

impl Model {
    /// Changes something, and gives the line that does the same.
    fn line(&mut self, dice: &mut Dice) -> String {
        let name = format!("n{}", dice.below(NAMES));
        match dice.below(9) {
            0 | 1 => {
                let value =
                    format!("v{}", "x".repeat(usize::try_from(dice.below(60)).expect("few")));
                self.hash.insert(name.clone(), value.clone());
                format!("HSET h {name} {value}")
            }
            2 => {
                self.hash.remove(&name);
                format!("HDEL h {name}")
            }
            3 => {
                let score = dice.below(1_000_000);
                self.ranks.insert(name.clone(), score);
                format!("ZADD z {score} {name}")
            }
            4 => {
                self.ranks.remove(&name);
                format!("ZREM z {name}")
            }
            5 => {
                self.set.insert(name.clone());
                format!("SADD s {name}")
            }
            6 => {
                self.list.push_front(name.clone());
                format!("LPUSH l {name}")
            }
            7 => {
                self.list.push_back(name.clone());
                format!("RPUSH l {name}")
            }
            _ => {
                self.entries += 1;
                format!("XADD x * field {name}")
            }
        }
    }
}

#[test]
fn collections_are_there_again_after_kills() {
    let setups = [Some(Setup::new()), Setup::two_cores()];
    for setup in setups.into_iter().flatten() {
        let mut node = setup.start();
        let (mut model, mut dice) = (Model::default(), Dice(11));
        for kill in 0..KILLS {
            let mut client = node.client();
            for _ in 0..ROUNDS {
                let lines: Vec<String> =
                    (0..LINES_A_ROUND).map(|_| model.line(&mut dice)).collect();
                client.send(&pipeline(&lines));
                for line in &lines {
                    let said = client.shown();
                    assert!(!said.starts_with('-'), "{line}: {said}");
                }
            }
            node.kill_and_start();
            let mut client = node.client();
            assert_eq!(client.ask("HLEN h"), model.hash.len().to_string(), "kill {kill}");
            for (name, value) in &model.hash {
                assert_eq!(client.ask(&format!("HGET h {name}")), *value, "kill {kill}");
            }
            let mut ranked: Vec<(u64, &String)> =
                model.ranks.iter().map(|(name, score)| (*score, name)).collect();
            ranked.sort_unstable();
            let words: Vec<String> =
                ranked.iter().map(|(score, name)| format!("{name} {score}")).collect();
            let said = client.ask("ZRANGE z 0 -1 WITHSCORES");
            assert!(said == format!("[{}]", words.join(" ")), "kill {kill}: the sorted set");
            assert_eq!(client.ask("SCARD s"), model.set.len().to_string(), "kill {kill}");
            for name in &model.set {
                assert_eq!(client.ask(&format!("SISMEMBER s {name}")), "1", "kill {kill}");
            }
            let words: Vec<&str> = model.list.iter().map(String::as_str).collect();
            let said = client.ask("LRANGE l 0 -1");
            assert!(said == format!("[{}]", words.join(" ")), "kill {kill}: the list");
            assert_eq!(client.ask("XLEN x"), model.entries.to_string(), "kill {kill}");
        }
    }
}
