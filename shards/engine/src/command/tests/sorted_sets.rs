//! Tables of the commands of sorted sets, and a model of them.

use super::limits::Sample;
use super::stage::{Stage, play};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const MADE: &str = "ZADD z 1 a 2 b 3 c";

pub(super) const SAMPLES: &[Sample] = &[
    ("bzmpop", MADE, "BZMPOP 0 1 z MIN"),
    ("bzpopmax", MADE, "BZPOPMAX z 0"),
    ("bzpopmin", MADE, "BZPOPMIN z 0"),
    ("zadd", MADE, "ZADD z 9 d"),
    ("zcard", MADE, "ZCARD z"),
    ("zcount", MADE, "ZCOUNT z 1 2"),
    ("zdiff", MADE, "ZDIFF 1 z"),
    ("zdiffstore", MADE, "ZDIFFSTORE y 1 z"),
    ("zincrby", MADE, "ZINCRBY z 1 a"),
    ("zinter", MADE, "ZINTER 1 z"),
    ("zintercard", MADE, "ZINTERCARD 1 z"),
    ("zinterstore", MADE, "ZINTERSTORE y 1 z"),
    ("zlexcount", MADE, "ZLEXCOUNT z - +"),
    ("zmpop", MADE, "ZMPOP 1 z MIN"),
    ("zmscore", MADE, "ZMSCORE z a"),
    ("zpopmax", MADE, "ZPOPMAX z"),
    ("zpopmin", MADE, "ZPOPMIN z"),
    ("zrandmember", MADE, "ZRANDMEMBER z"),
    ("zrange", MADE, "ZRANGE z 0 1"),
    ("zrangebylex", MADE, "ZRANGEBYLEX z - +"),
    ("zrangebyscore", MADE, "ZRANGEBYSCORE z 1 2"),
    ("zrangestore", MADE, "ZRANGESTORE y z 0 1"),
    ("zrank", MADE, "ZRANK z a"),
    ("zrem", MADE, "ZREM z a"),
    ("zremrangebylex", MADE, "ZREMRANGEBYLEX z - [a"),
    ("zremrangebyrank", MADE, "ZREMRANGEBYRANK z 0 0"),
    ("zremrangebyscore", MADE, "ZREMRANGEBYSCORE z 1 1"),
    ("zrevrange", MADE, "ZREVRANGE z 0 1"),
    ("zrevrangebylex", MADE, "ZREVRANGEBYLEX z + -"),
    ("zrevrangebyscore", MADE, "ZREVRANGEBYSCORE z 2 1"),
    ("zrevrank", MADE, "ZREVRANK z a"),
    ("zscan", MADE, "ZSCAN z 0"),
    ("zscore", MADE, "ZSCORE z a"),
    ("zunion", MADE, "ZUNION 1 z"),
    ("zunionstore", MADE, "ZUNIONSTORE y 1 z"),
];

#[test]
fn members_are_added_changed_and_removed() {
    play(&[
        ("ZADD z 1 a 2 b 1.5 c", ":3"),
        ("ZADD z 4 a", ":0"),
        ("ZADD z CH 5 a 2 b 3 d", ":2"),
        ("ZRANGE z 0 -1 WITHSCORES", "*8 $c $1.5 $b $2 $d $3 $a $5"),
        ("ZADD z NX 9 a 9 e", ":1"),
        ("ZADD z XX CH 7 a 9 f", ":1"),
        ("ZADD z GT CH 6 a 8 b", ":1"),
        ("ZADD z LT CH 6 a 9 b", ":1"),
        ("ZADD z INCR 0.5 c", "$2"),
        ("ZADD z NX INCR 1 c", "$-1"),
        ("ZADD z XX INCR 1 none", "$-1"),
        ("ZADD z GT INCR -1 c", "$-1"),
        ("ZINCRBY z -2 c", "$0"),
        ("ZINCRBY new inf m", "$inf"),
        ("ZINCRBY new -inf m", "-ERR resulting score is not a number (NaN)"),
        ("ZADD x XX 1 a", ":0"),
        ("EXISTS x", ":0"),
        ("ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible"),
        ("ZADD z NX GT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"),
        ("ZADD z GT LT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible"),
        ("ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair"),
        ("ZADD z 1 a 2", "-ERR syntax error"),
        ("ZADD z x a", "-ERR value is not a valid float"),
        ("ZADD z nan a", "-ERR value is not a valid float"),
        ("ZSCORE z a", "$6"),
        ("ZSCORE z none", "$-1"),
        ("ZMSCORE z a none b", "*3 $6 $-1 $8"),
        ("ZREM z a none b", ":2"),
        ("ZCARD z", ":3"),
        ("TYPE z", "+zset"),
        ("ZREM z c d e", ":3"),
        ("EXISTS z", ":0"),
        ("SET s 1", "+OK"),
        ("ZADD s 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("ZCARD s", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("ZADD z -0 a 0 b -0 c", ":3"),
        ("ZRANGE z 0 -1 WITHSCORES", "*6 $a $-0 $b $0 $c $-0"),
        ("ZRANGEBYSCORE z 0 -0", "*3 $a $b $c"),
        ("ZADD z CH 0 a", ":0"),
    ]);
}

#[test]
fn ranges_are_by_rank_score_and_member() {
    play(&[
        ("ZADD z 1 a 2 b 3 c 4 d", ":4"),
        ("ZRANGE z 1 -2", "*2 $b $c"),
        ("ZRANGE z -100 100", "*4 $a $b $c $d"),
        ("ZRANGE z 3 1", "*0"),
        ("ZRANGE z 0 1 REV", "*2 $d $c"),
        ("ZREVRANGE z 0 0 WITHSCORES", "*2 $d $4"),
        ("ZRANGE z (1 3 BYSCORE", "*2 $b $c"),
        ("ZRANGE z 3 (1 BYSCORE REV LIMIT 1 5", "*1 $b"),
        ("ZRANGEBYSCORE z -inf +inf LIMIT 1 2", "*2 $b $c"),
        ("ZRANGEBYSCORE z -inf +inf LIMIT -1 2", "*0"),
        ("ZREVRANGEBYSCORE z +inf -inf WITHSCORES LIMIT 0 1", "*2 $d $4"),
        (
            "ZRANGE z 0 1 LIMIT 0 1",
            "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX",
        ),
        (
            "ZRANGE z - + BYLEX WITHSCORES",
            "-ERR syntax error, WITHSCORES not supported in combination with BYLEX",
        ),
        ("ZRANGE z x + BYLEX", "-ERR min or max not valid string range item"),
        ("ZRANGE z x 1 BYSCORE", "-ERR min or max is not a float"),
        ("ZRANGE z x 1", "-ERR value is not an integer or out of range"),
        ("ZCOUNT z (1 +inf", ":3"),
        ("ZCOUNT none 1 2", ":0"),
        ("ZADD l 0 a 0 b 0 bb 0 c", ":4"),
        ("ZRANGEBYLEX l [b (c", "*2 $b $bb"),
        ("ZRANGEBYLEX l (b +", "*2 $bb $c"),
        ("ZREVRANGEBYLEX l + (b", "*2 $c $bb"),
        ("ZREVRANGEBYLEX l [bb - LIMIT 1 1", "*1 $b"),
        ("ZLEXCOUNT l - +", ":4"),
        ("ZLEXCOUNT l + -", ":0"),
        ("ZRANK z c", ":2"),
        ("ZREVRANK z c WITHSCORE", "*2 :1 $3"),
        ("ZRANK z none", "$-1"),
        ("ZRANK z none WITHSCORE", "*-1"),
        ("ZRANGESTORE y z 1 2", ":2"),
        ("ZRANGE y 0 -1 WITHSCORES", "*4 $b $2 $c $3"),
        ("ZRANGESTORE y none 1 2", ":0"),
        ("EXISTS y", ":0"),
        ("ZREMRANGEBYSCORE z 1 (2", ":1"),
        ("ZREMRANGEBYRANK z -1 -1", ":1"),
        ("ZREMRANGEBYLEX l [b [bb", ":2"),
        ("ZRANGE z 0 -1", "*2 $b $c"),
        ("ZRANGE l 0 -1", "*2 $a $c"),
    ]);
}

/// What redis-server 7.0 gives while a set is small.
#[test]
fn ranges_of_members_over_several_scores_are_those_of_redis() {
    play(&[
        ("ZADD u 1 m5 2 m1 3 m9 4 m3 5 m2", ":5"),
        ("ZRANGEBYLEX u [m6 +", "*0"),
        ("ZRANGEBYLEX u [m2 [m5", "*2 $m5 $m1"),
        ("ZRANGEBYLEX u - [m4", "*0"),
        ("ZRANGEBYLEX u (m1 (m9", "*2 $m5 $m1"),
        ("ZRANGEBYLEX u [m2 +", "*5 $m5 $m1 $m9 $m3 $m2"),
        ("ZREVRANGEBYLEX u [m5 [m2", "*3 $m2 $m3 $m9"),
        ("ZRANGE u [m8 [m3 BYLEX REV", "*0"),
        ("ZREVRANGEBYLEX u + [m2", "*3 $m2 $m3 $m9"),
        ("ZLEXCOUNT u [m1 [m7", ":2"),
        ("ZLEXCOUNT u - +", ":5"),
        ("ZREMRANGEBYLEX u [m3 +", ":0"),
        ("ZREMRANGEBYLEX u [m2 [m8", ":2"),
        ("ZRANGE u 0 -1", "*3 $m9 $m3 $m2"),
    ]);
}

#[test]
fn members_are_popped_and_drawn() {
    play(&[
        ("ZADD z 1 a 2 b 3 c 4 d 5 e", ":5"),
        ("ZPOPMIN z", "*2 $a $1"),
        ("ZPOPMAX z 2", "*4 $e $5 $d $4"),
        ("ZPOPMIN z 0", "*0"),
        ("ZPOPMIN z -1", "-ERR value is out of range, must be positive"),
        ("ZPOPMIN none", "*0"),
        ("ZMPOP 2 none z MAX", "*2 $z *1 *2 $c $3"),
        ("ZMPOP 1 none MIN", "*-1"),
        ("ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0"),
        ("ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0"),
        ("ZMPOP 2 z MIN", "-ERR syntax error"),
        ("ZRANDMEMBER z", "$b"),
        ("ZRANDMEMBER z 5 WITHSCORES", "*2 $b $2"),
        ("ZRANDMEMBER z -2", "*2 $b $b"),
        ("ZRANDMEMBER none", "$-1"),
        ("ZRANDMEMBER none 3", "*0"),
        ("ZSCAN z 0", "*2 $0 *2 $b $2"),
        ("ZADD y 7 q 8 r", ":2"),
        ("BZPOPMIN none y 0", "*3 $y $q $7"),
        ("BZMPOP 0 1 y MAX", "*2 $y *1 *2 $r $8"),
        ("BZMPOP x 1 y MAX COUNT 0", "-ERR count should be greater than 0"),
        ("BZMPOP -1 1 y MAX", "-ERR timeout is negative"),
        ("ZMPOP 1 z MIN COUNT 9", "*2 $z *1 *2 $b $2"),
        ("EXISTS z", ":0"),
    ]);
}

#[test]
fn sets_are_put_together() {
    play(&[
        ("ZADD x 1 a 2 b 3 c", ":3"),
        ("ZADD y 10 b 20 c 30 d", ":3"),
        ("SADD s c d", ":2"),
        ("ZUNION 2 x y WITHSCORES", "*8 $a $1 $b $12 $c $23 $d $30"),
        (
            "ZUNION 3 x y s WEIGHTS 2 1 100 AGGREGATE MAX WITHSCORES",
            "*8 $a $2 $b $10 $c $100 $d $100",
        ),
        ("ZINTER 2 x y WITHSCORES AGGREGATE MIN", "*4 $b $2 $c $3"),
        ("ZINTER 2 x none", "*0"),
        ("ZDIFF 2 x y WITHSCORES", "*2 $a $1"),
        ("ZDIFF 2 none y", "*0"),
        ("ZINTERCARD 3 x y s", ":1"),
        ("ZINTERCARD 2 x y LIMIT 1", ":1"),
        ("ZUNIONSTORE x 2 x y", ":4"),
        ("ZSCORE x c", "$23"),
        ("ZINTERSTORE t 1 none", ":0"),
        ("EXISTS t", ":0"),
        ("ZDIFFSTORE t 2 x s", ":2"),
        ("ZRANGE t 0 -1", "*2 $a $b"),
        ("ZUNION 0 x", "-ERR at least 1 input key is needed for 'zunion' command"),
        ("ZUNIONSTORE t 0 x", "-ERR at least 1 input key is needed for 'zunionstore' command"),
        ("ZUNION 3 x y", "-ERR syntax error"),
        ("ZUNION x y", "-ERR value is not an integer or out of range"),
        ("ZUNION 1 x WEIGHTS a", "-ERR weight value is not a float"),
        ("ZINTERCARD 1 x LIMIT -1", "-ERR LIMIT can't be negative"),
        ("ZDIFF 1 x WEIGHTS 1", "-ERR syntax error"),
        ("SET str 1", "+OK"),
        ("ZUNION 2 x str", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("OBJECT ENCODING x", "$listpack"),
    ]);
}

/// A sorted set as maps: the simplest one.
#[derive(Default)]
struct Model {
    scores: BTreeMap<String, i64>,
    ranks: BTreeSet<(i64, String)>,
}

impl Model {
    fn add(&mut self, member: &str, score: i64) -> bool {
        let before = self.scores.insert(member.to_owned(), score);
        if let Some(before) = before {
            self.ranks.remove(&(before, member.to_owned()));
        }
        self.ranks.insert((score, member.to_owned()));
        before.is_none()
    }

    fn remove(&mut self, member: &str) -> bool {
        let score = self.scores.remove(member);
        score.is_some_and(|score| self.ranks.remove(&(score, member.to_owned())))
    }

    fn told(&self) -> String {
        let all = self
            .ranks
            .iter()
            .flat_map(|(score, member)| [format!("${member}"), format!("${score}")]);
        let words: Vec<String> =
            std::iter::once(format!("*{}", 2 * self.ranks.len())).chain(all).collect();
        words.join(" ")
    }
}

fn check(stage: &mut Stage, model: &Model) {
    assert_eq!(stage.run("ZRANGE z 0 -1 WITHSCORES"), model.told());
    assert_eq!(stage.run("ZCARD z"), format!(":{}", model.scores.len()));
    let mut scanned = BTreeMap::new();
    let mut cursor = "0".to_owned();
    loop {
        let reply = stage.run(&format!("ZSCAN z {cursor} COUNT 7"));
        let words: Vec<&str> = reply.split(' ').collect();
        for pair in words[3..].chunks(2) {
            scanned.insert(pair[0][1..].to_owned(), pair[1][1..].parse().unwrap());
        }
        words[1][1..].clone_into(&mut cursor);
        if cursor == "0" {
            break;
        }
    }
    assert_eq!(scanned, model.scores);
}

/// Chunks are cut in two while others are changed by the same command: ranks and counts stay right, and so they are by what is noted of chunks.
#[test]
fn a_set_that_is_filled_one_by_one_keeps_its_order() {
    let mut stage = Stage::with_segments(1 << 18);
    let mut model = Model::default();
    for number in 0_u64..1_500 {
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let (member, score) = (format!("member:{spread:08}"), i64::try_from(spread % 977).unwrap());
        model.add(&member, score);
        assert_eq!(stage.run(&format!("ZADD z {score} {member}")), ":1", "{number}");
        if number % 100 == 99 {
            for (rank, (_, member)) in model.ranks.iter().enumerate().step_by(37) {
                assert_eq!(stage.run(&format!("ZRANK z {member}")), format!(":{rank}"), "{number}");
            }
            assert_eq!(stage.run("ZCOUNT z -inf +inf"), format!(":{}", number + 1));
        }
    }
    check(&mut stage, &model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    /// Grows to many chunks and shrinks to nothing, again and again.
    #[test]
    fn a_sorted_set_is_what_a_model_says(seed in any::<u64>(), wide in any::<bool>()) {
        let mut stage = Stage::with_segments(1 << 18);
        let mut model = Model::default();
        let mut state = seed;
        let mut roll = |sides: u64| {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (state >> 33) % sides
        };
        let padding = "p".repeat(if wide { 300 } else { 3 });
        for round in 0..24 {
            let grows = round % 8 < 5;
            for _ in 0..roll(120) {
                let member = format!("{padding}{}", roll(500));
                let score = i64::try_from(roll(40)).unwrap() - 20;
                match roll(12) {
                    0..=6 if grows => {
                        let added = i64::from(model.add(&member, score));
                        prop_assert_eq!(stage.run(&format!("ZADD z {score} {member}")), format!(":{added}"));
                    }
                    0..=6 => {
                        let removed = i64::from(model.remove(&member));
                        prop_assert_eq!(stage.run(&format!("ZREM z {member}")), format!(":{removed}"));
                    }
                    7 => {
                        let (least, most) = (score, score + 1 + i64::try_from(roll(3)).unwrap());
                        let gone: Vec<String> =
                            model.ranks.range((least, String::new())..(most, String::new())).map(|(_, member)| member.clone()).collect();
                        if grows {
                            prop_assert_eq!(stage.run(&format!("ZCOUNT z {least} ({most}")), format!(":{}", gone.len()));
                            continue;
                        }
                        for member in &gone {
                            model.remove(member);
                        }
                        prop_assert_eq!(stage.run(&format!("ZREMRANGEBYSCORE z {least} ({most}")), format!(":{}", gone.len()));
                    }
                    8 => {
                        let rank = model.scores.get(&member).map(|score| model.ranks.range(..(*score, member.clone())).count());
                        let told = rank.map_or("$-1".to_owned(), |rank| format!(":{rank}"));
                        prop_assert_eq!(stage.run(&format!("ZRANK z {member}")), told);
                    }
                    9 => {
                        let popped = model.ranks.first().cloned();
                        let told = popped.as_ref().map_or("*0".to_owned(), |(score, member)| format!("*2 ${member} ${score}"));
                        if let Some((_, member)) = popped {
                            model.remove(&member);
                        }
                        prop_assert_eq!(stage.run("ZPOPMIN z"), told);
                    }
                    10 => {
                        // Many at once, more than there may be.
                        let count = roll(150);
                        let pairs: Vec<(i64, String)> = (0..count + 1).map(|at| (i64::try_from(at % 7).unwrap(), format!("{padding}{}", roll(500)))).collect();
                        let added = pairs.iter().filter(|(score, member)| model.add(member, *score)).count();
                        let words: Vec<String> = pairs.iter().map(|(score, member)| format!("{score} {member}")).collect();
                        prop_assert_eq!(stage.run(&format!("ZADD z {}", words.join(" "))), format!(":{added}"));
                        // Each is found by its name.
                        let members: Vec<&str> = model.scores.keys().map(String::as_str).collect();
                        let told = stage.run(&format!("ZMSCORE z {}", members.join(" ")));
                        let expected: Vec<String> = model.scores.values().map(|score| format!("${score}")).collect();
                        prop_assert_eq!(told, format!("*{} {}", members.len(), expected.join(" ")));
                    }
                    _ => {
                        let at = usize::try_from(roll(300)).unwrap();
                        let told: Vec<&str> = model.ranks.iter().rev().skip(at).take(3).map(|(_, member)| member.as_str()).collect();
                        let told: Vec<String> = std::iter::once(format!("*{}", told.len())).chain(told.iter().map(|member| format!("${member}"))).collect();
                        prop_assert_eq!(stage.run(&format!("ZREVRANGE z {at} {}", at + 2)), told.join(" "));
                    }
                }
            }
            check(&mut stage, &model);
        }
    }
}
