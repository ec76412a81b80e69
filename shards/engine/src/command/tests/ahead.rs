//! Tests of looking ahead: what commands are told of the places of their entries changes no answer, right or out of date.

use super::stage::Stage;
use crate::collection::View;
use crate::command::{Sought, find, prefetch_entries};
use hyperion_model::{DatabaseId, slot_of};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Commands that are looked ahead for together.
const AHEAD: usize = 16;

fn look_ahead(stage: &Stage, lines: &[Vec<String>]) {
    let sought = lines.iter().filter_map(|line| {
        let word = |at: usize| line.get(at).map(String::as_bytes);
        Sought::of(find(line[0].as_bytes())?, slot_of(word(1)?), line.len(), word)
    });
    let key_of = |key, slot| Some(stage.store.key_in_slot(DatabaseId(0), key, slot));
    prefetch_entries(&stage.store, key_of, sought);
}

/// A hash, a set and a sorted set as maps.
#[derive(Default)]
struct Model {
    hash: BTreeMap<String, String>,
    set: BTreeSet<String>,
    scores: BTreeMap<String, i64>,
}

impl Model {
    fn run(&mut self, line: &[String]) -> String {
        let text =
            |value: Option<String>| value.map_or("$-1".to_owned(), |value| format!("${value}"));
        let number = |value: bool| format!(":{}", i64::from(value));
        let name = line.last().expect("a line has words").clone();
        match &*line[0] {
            "hset" => number(self.hash.insert(line[2].clone(), name).is_none()),
            "hget" => text(self.hash.get(&name).cloned()),
            "hdel" => number(self.hash.remove(&name).is_some()),
            "sadd" => number(self.set.insert(name)),
            "sismember" => number(self.set.contains(&name)),
            "srem" => number(self.set.remove(&name)),
            "zadd" => number(self.scores.insert(name, line[2].parse().expect("a score")).is_none()),
            "zscore" => text(self.scores.get(&name).map(i64::to_string)),
            "zrem" => number(self.scores.remove(&name).is_some()),
            other => panic!("{other} is not modelled"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    /// Chunks are cut, emptied and change their first entries between the look ahead and the command.
    #[test]
    fn what_was_looked_up_ahead_changes_no_answer(seed in any::<u64>(), names in 200..2_000_u64, is_wide in any::<bool>()) {
        let mut stage = Stage::with_segments(1 << 18);
        let (mut model, mut state) = (Model::default(), seed);
        let mut roll = |sides: u64| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 33) % sides
        };
        let padding = "p".repeat(if is_wide { 200 } else { 2 });
        for round in 0..400 {
            let grows = round % 100 < 70;
            let lines: Vec<Vec<String>> = (0..AHEAD)
                .map(|_| {
                    let name = format!("{padding}{}", roll(names));
                    let does = if roll(4) == 0 { 1 } else { usize::from(!grows) * 2 };
                    let key = ["h", "s", "z"][usize::try_from(roll(3)).unwrap()];
                    let command = match key {
                        "h" => ["hset", "hget", "hdel"][does],
                        "s" => ["sadd", "sismember", "srem"][does],
                        _ => ["zadd", "zscore", "zrem"][does],
                    };
                    let mut line = vec![command.to_owned(), key.to_owned()];
                    match command {
                        "hset" => line.extend([name, "v".repeat(usize::try_from(roll(60)).unwrap() + 1)]),
                        "zadd" => line.extend([roll(3_000).to_string(), name]),
                        _ => line.push(name),
                    }
                    line
                })
                .collect();
            look_ahead(&stage, &lines);
            for line in &lines {
                prop_assert_eq!(stage.run(&line.join(" ")), model.run(line), "{:?}", line);
            }
        }
        prop_assert_eq!(stage.run("HLEN h"), format!(":{}", model.hash.len()));
        let mut ranks: Vec<_> = model.scores.iter().map(|(member, score)| (*score, member.clone())).collect();
        ranks.sort();
        let told = ranks.iter().fold(format!("*{}", ranks.len()), |told, (_, member)| format!("{told} ${member}"));
        prop_assert_eq!(stage.run("ZRANGE z 0 -1"), told);
    }
}

/// A command that runs behind the look finds its chunk without a search, and one that comes unannounced does not.
#[test]
fn a_chunk_that_was_looked_up_ahead_is_known() {
    let mut stage = Stage::with_segments(1 << 20);
    for number in 0..4_000 {
        stage.run(&format!("HSET h field:{number} value"));
    }
    let lines: Vec<Vec<String>> = (0..8)
        .map(|number| ["hget", "h", &format!("field:{}", number * 97)].map(str::to_owned).to_vec())
        .collect();
    let key = stage.store.key(DatabaseId(0), b"h");
    let known = |stage: &Stage| {
        let (_, view) = View::ahead(&stage.store, &key).expect("it is large");
        let words = lines.iter().map(|line| crate::command::fields::hash_of(line[2].as_bytes()));
        words.filter(|word| view.is_known(0, *word)).count()
    };
    let before = known(&stage);
    look_ahead(&stage, &lines);
    // Two words may have one place, and the first and the last chunk have none.
    assert!(known(&stage) >= before.max(6), "{} of {} are known", known(&stage), lines.len());
}

/// Objects in files are in the order of these hashes, so they must not change: as each name's last bytes, padded with zeros, are two words.
#[test]
fn names_have_the_hashes_that_files_have_them_in() {
    let mix = |left: u64, right: u64| {
        let both = u128::from(left) * u128::from(right);
        u64::try_from(both & u128::from(u64::MAX)).unwrap() ^ u64::try_from(both >> 64).unwrap()
    };
    let slow = |name: &[u8]| {
        let mut padded = name.to_vec();
        padded.resize((name.len() / 16 + 1) * 16, 0);
        let seeds = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];
        let mut hash = seeds[0] ^ name.len() as u64;
        for pair in padded.chunks(16) {
            let left = u64::from_le_bytes(pair[..8].try_into().unwrap());
            let right = u64::from_le_bytes(pair[8..].try_into().unwrap());
            hash = mix(left ^ seeds[1], right ^ hash);
        }
        mix(hash, seeds[2])
    };
    for length in 0..=80_u8 {
        let name: Vec<u8> =
            (0..length).map(|at| at.wrapping_mul(151).wrapping_add(length)).collect();
        assert_eq!(crate::command::fields::hash_of(&name), slow(&name), "{length} bytes");
    }
    assert_eq!(crate::command::fields::hash_of(b"element:000000012345"), PINNED);
}

/// Said by the first version.
const PINNED: u64 = 12_948_763_926_237_107_418;
