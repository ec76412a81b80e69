//! Tests of fields that expire: tables, and random lines against a map with a clock.

use super::stage::{START_MS, Stage, play};
use proptest::prelude::*;
use std::collections::BTreeMap;

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const NO_FIELDS: &str = "-ERR Mandatory argument FIELDS is missing or not at the right position";
const DIFFERS: &str = "-ERR The `numfields` parameter must match the number of arguments";
const NONE: &str = "-ERR Number of fields must be a positive integer";

#[test]
fn fields_expire() {
    play(&[
        ("HSET h a 1 b 2 c 3", ":3"),
        ("HEXPIRE h 10 FIELDS 3 a none b", "*3 :1 :-2 :1"),
        ("HEXPIRE none 10 FIELDS 2 a b", "*2 :-2 :-2"),
        ("HTTL h FIELDS 4 a b c none", "*4 :10 :10 :-1 :-2"),
        ("HPTTL h FIELDS 1 a", "*1 :10000"),
        ("HEXPIRETIME h FIELDS 1 a", "*1 :1700000010"),
        ("HPEXPIRETIME h FIELDS 1 a", "*1 :1700000010000"),
        ("HTTL none FIELDS 1 a", "*1 :-2"),
        ("OBJECT ENCODING h", "$listpackex"),
        ("HSET h b 5", ":0"),
        ("HTTL h FIELDS 1 b", "*1 :-1"),
        ("HINCRBY h a 4", ":5"),
        ("HTTL h FIELDS 1 a", "*1 :10"),
        ("HINCRBYFLOAT h a 0.5", "$5.5"),
        ("HTTL h FIELDS 1 a", "*1 :10"),
        ("wait 9001", ""),
        ("HTTL h FIELDS 1 a", "*1 :1"),
        ("HGET h a", "$5.5"),
        ("wait 998", ""),
        ("HGET h a", "$5.5"),
        ("wait 1", ""),
        ("HGET h a", "$-1"),
        ("HMGET h a b", "*2 $-1 $5"),
        ("HEXISTS h a", ":0"),
        ("HSTRLEN h a", ":0"),
        ("HLEN h", ":2"),
        ("HTTL h FIELDS 1 a", "*1 :-2"),
        ("HDEL h a", ":0"),
        ("HSETNX h a 7", ":1"),
        ("HTTL h FIELDS 1 a", "*1 :-1"),
        ("HPEXPIRE h 5 FIELDS 1 a", "*1 :1"),
        ("HDEL h a", ":1"),
        ("HSET h a 8", ":1"),
        ("wait 100", ""),
        ("HGET h a", "$8"),
        ("HPEXPIRE h 5 FIELDS 3 a b c", "*3 :1 :1 :1"),
        ("HPERSIST h FIELDS 3 a none b", "*3 :1 :-2 :1"),
        ("HPERSIST h FIELDS 1 a", "*1 :-1"),
        ("HPERSIST none FIELDS 1 a", "*1 :-2"),
        ("wait 5", ""),
        ("HLEN h", ":2"),
        ("HINCRBY h c 2", ":2"),
        ("HTTL h FIELDS 1 c", "*1 :-1"),
    ]);
}

#[test]
fn a_hash_whose_fields_all_expired_is_gone() {
    let mut stage = Stage::new();
    stage.run("HSET h a 1 b 2");
    stage.run("HPEXPIRE h 5 FIELDS 2 a b");
    stage.wait(5);
    for (line, answer) in [
        ("HGETALL h", "*0"),
        ("HKEYS h", "*0"),
        ("HVALS h", "*0"),
        ("HLEN h", ":0"),
        ("HRANDFIELD h", "$-1"),
        ("HRANDFIELD h 3", "*0"),
        ("HRANDFIELD h -3", "*0"),
        ("HSCAN h 0", "*2 $0 *0"),
        ("HPEXPIRE h 5 FIELDS 1 a", "*1 :-2"),
        ("EXISTS h", ":0"),
        ("DBSIZE", ":0"),
    ] {
        assert_eq!(stage.run(line), answer, "{line}");
    }
}

#[test]
fn conditions_are_those_of_keys() {
    play(&[
        ("HSET h a 1 b 2", ":2"),
        ("HPEXPIRE h 1000 XX FIELDS 1 a", "*1 :0"),
        ("HPEXPIRE h 1000 GT FIELDS 1 a", "*1 :0"),
        ("HPEXPIRE h 1000 LT FIELDS 1 a", "*1 :1"),
        ("HPEXPIRE h 2000 nx FIELDS 2 a b", "*2 :0 :1"),
        ("HPEXPIRE h 1500 GT FIELDS 2 a b", "*2 :1 :0"),
        ("HPEXPIRE h 1700 LT FIELDS 2 a b", "*2 :0 :1"),
        ("HPTTL h FIELDS 2 a b", "*2 :1500 :1700"),
        ("HPEXPIREAT h 1 NX FIELDS 2 a b", "*2 :0 :0"),
        ("HPEXPIREAT h 1 LT FIELDS 2 a a", "*2 :2 :-2"),
        ("HEXPIREAT h 1700000000 FIELDS 1 b", "*1 :2"),
        ("EXISTS h", ":0"),
    ]);
}

#[test]
fn wrong_words_are_told() {
    const BOUND: &str = "-ERR invalid expire time in 'hexpire' command";
    play(&[
        ("SET s 1", "+OK"),
        ("HSET h f 1", ":1"),
        ("HEXPIRE s 1 FIELDS 1 f", WRONG_TYPE),
        ("HTTL s FIELDS 1 f", WRONG_TYPE),
        ("HPERSIST s x 1 f", WRONG_TYPE),
        ("HGETDEL s FIELDS 1 f", WRONG_TYPE),
        ("HGETEX s FIELDS 1 f", WRONG_TYPE),
        ("HSETEX s FIELDS 1 f 1", WRONG_TYPE),
        ("HEXPIRE h 1 FIELDS 1", "-ERR wrong number of arguments for 'hexpire' command"),
        ("HTTL h FIELDS 1", "-ERR wrong number of arguments for 'httl' command"),
        ("HEXPIRE h x FIELDS 1 f", "-ERR value is not an integer or out of range"),
        ("HEXPIRE h -1 FIELDS 1 f", "-ERR invalid expire time, must be >= 0"),
        ("HEXPIRE h 9223372036854775807 FIELDS 1 f", BOUND),
        ("HEXPIRE h 70368744178 FIELDS 1 f", BOUND),
        ("HPEXPIREAT h 70368744177663 FIELDS 1 f", "*1 :1"),
        (
            "HPEXPIREAT h 70368744177664 FIELDS 1 f",
            "-ERR invalid expire time in 'hpexpireat' command",
        ),
        ("HEXPIRE h 1 FIELD 1 f", NO_FIELDS),
        ("HEXPIRE h 1 NX XX FIELDS 1 f", NO_FIELDS),
        ("HEXPIRE h 1 FIELDS 0 f", "-ERR Parameter `numFields` should be greater than 0"),
        ("HEXPIRE h 1 FIELDS x f", "-ERR Parameter `numFields` should be greater than 0"),
        ("HEXPIRE h 1 FIELDS 2 f", DIFFERS),
        ("HEXPIRE h 1 FIELDS 1 f g", DIFFERS),
        ("HEXPIRE none 1 FIELDS 1 f g", DIFFERS),
        ("HTTL h FIELD 1 f", NO_FIELDS),
        ("HTTL h FIELDS 0 f", NONE),
        ("HTTL h FIELDS 2 f", DIFFERS),
        ("HPERSIST h FIELDS -1 f", NONE),
        ("HGETDEL h FIELDS x f", NONE),
        ("HGETDEL h FIELDS 2 f", DIFFERS),
        ("HGETEX h PERSIST 1 FIELDS 1 a", NO_FIELDS),
        ("HGETEX h PXAT 1 1", NO_FIELDS),
        ("HGETEX h EX x FIELDS 1 f", "-ERR value is not an integer or out of range"),
        ("HGETEX h FIELDS 0 f", NONE),
        ("HSETEX h BOGUS FIELDS 1 f v", "-ERR unknown argument: BOGUS"),
        ("HSETEX h FNX FXX FIELDS 1 f v", "-ERR Only one of FXX or FNX arguments can be specified"),
        (
            "HSETEX h EX 60 KEEPTTL FIELDS 1 f v",
            "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
        ),
        ("HSETEX h FIELDS 0 f v", "-ERR invalid number of fields"),
        ("HSETEX h FIELDS 2 f v", "-ERR wrong number of arguments for 'hsetex' command"),
        ("HSETEX h FNX FXX KEEPTTL EX", "-ERR Only one of FXX or FNX arguments can be specified"),
        ("HSETEX h FNX FNX a b", "-ERR Only one of FXX or FNX arguments can be specified"),
        (
            "HSETEX h FNX KEEPTTL PX 5",
            "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified",
        ),
    ]);
}

#[test]
fn the_commands_of_redis_8() {
    play(&[
        ("HSETEX h FXX FIELDS 1 a 1", ":0"),
        ("EXISTS h", ":0"),
        ("HSETEX h FNX EX 10 FIELDS 2 a 1 b 2", ":1"),
        ("HTTL h FIELDS 2 a b", "*2 :10 :10"),
        ("HSETEX h FNX FIELDS 2 a 1 c 2", ":0"),
        ("HSETEX h FXX FIELDS 2 a 1 c 2", ":0"),
        ("HSETEX h FXX KEEPTTL FIELDS 1 a 3", ":1"),
        ("HTTL h FIELDS 1 a", "*1 :10"),
        ("HSETEX h FIELDS 1 a 4", ":1"),
        ("HTTL h FIELDS 1 a", "*1 :-1"),
        ("HGETEX h PX 500 FIELDS 2 a none", "*2 $4 $-1"),
        ("HPTTL h FIELDS 1 a", "*1 :500"),
        ("HGETEX h FIELDS 1 a", "*1 $4"),
        ("HPTTL h FIELDS 1 a", "*1 :500"),
        ("HGETEX h PERSIST FIELDS 2 a b", "*2 $4 $2"),
        ("HTTL h FIELDS 2 a b", "*2 :-1 :-1"),
        ("HGETEX h PXAT 5 FIELDS 1 b", "*1 $2"),
        ("HEXISTS h b", ":0"),
        ("HGETEX none FIELDS 1 b", "*1 $-1"),
        ("HGETDEL none FIELDS 1 b", "*1 $-1"),
        ("HGETDEL h FIELDS 3 a a b", "*3 $4 $-1 $-1"),
        ("EXISTS h", ":0"),
        ("HSETEX h PXAT 5 FIELDS 1 b 1", ":1"),
        ("EXISTS h", ":0"),
    ]);
}

#[test]
fn expiries_move_with_the_key() {
    play(&[
        ("HSET h a 1 b 2", ":2"),
        ("HPEXPIRE h 500 FIELDS 1 a", "*1 :1"),
        ("RENAME h g", "+OK"),
        ("HPTTL g FIELDS 2 a b", "*2 :500 :-1"),
        ("COPY g i", ":1"),
        ("HPERSIST g FIELDS 1 a", "*1 :1"),
        ("HPTTL i FIELDS 2 a b", "*2 :500 :-1"),
        ("COPY i i DB 3", ":1"),
        ("select 3", "+OK"),
        ("HPTTL i FIELDS 2 a b", "*2 :500 :-1"),
        ("wait 500", ""),
        ("HGETALL i", "*2 $b $2"),
        ("select 0", "+OK"),
        ("HGETALL i", "*2 $b $2"),
        ("HLEN g", ":2"),
    ]);
}

#[test]
fn sort_sees_no_expired_field() {
    play(&[
        ("RPUSH l 1 2", ":2"),
        ("HSET w1 a x", ":1"),
        ("HSET w2 a y", ":1"),
        ("HPEXPIRE w1 5 FIELDS 1 a", "*1 :1"),
        ("SORT l GET w*->a", "*2 $x $y"),
        ("wait 5", ""),
        ("SORT l GET w*->a", "*2 $-1 $y"),
    ]);
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Set(u8, u16),
    SetEx { field: u8, bytes: u16, ttl_ms: u64 },
    Delete(u8),
    Count(u8),
    Expire { field: u8, ttl_ms: u64, condition: u8 },
    Persist(u8),
    Get(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let field = || 0..24_u8;
    prop_oneof![
        1 => (1..60_u64).prop_map(Step::Wait),
        3 => (field(), 0..300_u16).prop_map(|(field, bytes)| Step::Set(field, bytes)),
        1 => (field(), 0..300_u16, 0..100_u64)
            .prop_map(|(field, bytes, ttl_ms)| Step::SetEx { field, bytes, ttl_ms }),
        2 => field().prop_map(Step::Delete),
        1 => field().prop_map(Step::Count),
        4 => (field(), 0..100_u64, 0..5_u8)
            .prop_map(|(field, ttl_ms, condition)| Step::Expire { field, ttl_ms, condition }),
        1 => field().prop_map(Step::Persist),
        1 => field().prop_map(Step::Get),
    ]
}

/// Fields with their values and when they expire.
#[derive(Default)]
struct Model {
    fields: BTreeMap<u8, (String, Option<u64>)>,
    now_ms: u64,
}

impl Model {
    fn purge(&mut self) {
        let now_ms = self.now_ms;
        self.fields.retain(|_, (_, at_ms)| at_ms.is_none_or(|at_ms| at_ms > now_ms));
    }

    /// The line of a step, and its answer.
    fn apply(&mut self, step: &Step) -> (String, String) {
        match *step {
            Step::Wait(ms) => {
                self.now_ms += ms;
                self.purge();
                (format!("wait {ms}"), String::new())
            }
            Step::Set(field, bytes) => {
                let value = "v".repeat(usize::from(bytes) + 1);
                let line = format!("HSET h f{field} {value}");
                let is_new = self.fields.insert(field, (value, None)).is_none();
                (line, format!(":{}", i32::from(is_new)))
            }
            Step::SetEx { field, bytes, ttl_ms } => {
                let value = "w".repeat(usize::from(bytes) + 1);
                let line = format!("HSETEX h PX {ttl_ms} FIELDS 1 f{field} {value}");
                self.fields.insert(field, (value, Some(self.now_ms + ttl_ms)));
                self.purge();
                (line, ":1".to_owned())
            }
            Step::Delete(field) => {
                let was_there = self.fields.remove(&field).is_some();
                (format!("HDEL h f{field}"), format!(":{}", i32::from(was_there)))
            }
            Step::Count(field) => {
                let entry = self.fields.entry(100 + field).or_insert(("0".to_owned(), None));
                let sum = entry.0.parse::<i64>().expect("it is a number") + 1;
                entry.0 = sum.to_string();
                (format!("HINCRBY h f{} 1", 100 + field), format!(":{sum}"))
            }
            Step::Expire { field, ttl_ms, condition } => {
                let (at_ms, field) =
                    (self.now_ms + ttl_ms, field + 100 * u8::from(ttl_ms % 5 == 0));
                let word = ["", "NX ", "XX ", "GT ", "LT "][usize::from(condition)];
                let line = format!("HPEXPIRE h {ttl_ms} {word}FIELDS 1 f{field}");
                let Some((_, before)) = self.fields.get_mut(&field) else {
                    return (line, "*1 :-2".to_owned());
                };
                let is_allowed = match (condition, *before) {
                    (0, _) | (1 | 4, None) | (2, Some(_)) => true,
                    (3, Some(before)) => at_ms > before,
                    (4, Some(before)) => at_ms < before,
                    _ => false,
                };
                if !is_allowed {
                    return (line, "*1 :0".to_owned());
                }
                *before = Some(at_ms);
                self.purge();
                (line, format!("*1 :{}", if ttl_ms == 0 { 2 } else { 1 }))
            }
            Step::Persist(field) => {
                let answer = match self.fields.get_mut(&field) {
                    None => -2,
                    Some((_, at_ms)) => at_ms.take().map_or(-1, |_| 1),
                };
                (format!("HPERSIST h FIELDS 1 f{field}"), format!("*1 :{answer}"))
            }
            Step::Get(field) => {
                let value = self.fields.get(&field).map_or("-1", |(value, _)| value);
                (format!("HGET h f{field}"), format!("${value}"))
            }
        }
    }

    /// What every way to read the whole hash has to give.
    fn check(&self, stage: &mut Stage) {
        let count = self.fields.len();
        assert_eq!(stage.run("HLEN h"), format!(":{count}"));
        let mut pairs: Vec<String> =
            self.fields.iter().map(|(field, (value, _))| format!("$f{field} ${value}")).collect();
        pairs.sort();
        for (line, head) in [
            ("HGETALL h", format!("*{}", 2 * count)),
            ("HSCAN h 0 COUNT 1000", format!("*2 $0 *{}", 2 * count)),
            ("HRANDFIELD h 1000 WITHVALUES", format!("*{}", 2 * count)),
        ] {
            let answer = stage.run(line);
            let rest = answer.strip_prefix(&head).unwrap_or_else(|| panic!("{line}: {answer}"));
            let words: Vec<&str> = rest.split_whitespace().collect();
            let mut told: Vec<String> = words.chunks(2).map(|pair| pair.join(" ")).collect();
            told.sort();
            assert_eq!(told, pairs, "{line}");
        }
        for (field, (value, at_ms)) in &self.fields {
            let left = at_ms.map_or(-1, |at_ms| i64::try_from(at_ms - self.now_ms).unwrap());
            assert_eq!(stage.run(&format!("HPTTL h FIELDS 1 f{field}")), format!("*1 :{left}"));
            assert_eq!(stage.run(&format!("HSTRLEN h f{field}")), format!(":{}", value.len()));
        }
        let drawn = stage.run("HRANDFIELD h -20");
        for name in drawn.split(' ').skip(1) {
            let field = name[2..].parse().expect("it ends in a number");
            assert!(self.fields.contains_key(&field), "{name} was drawn and is not there");
        }
    }
}

proptest! {
    #[test]
    fn a_hash_is_as_a_map_with_a_clock(steps in proptest::collection::vec(step(), 1..120)) {
        let mut stage = Stage::new();
        let mut model = Model { now_ms: START_MS, ..Model::default() };
        for (at, step) in steps.iter().enumerate() {
            let (line, answer) = model.apply(step);
            prop_assert_eq!(stage.run(&line), answer, "step {}: {}", at, line);
            if at % 8 == 7 || matches!(step, Step::Wait(_)) {
                model.check(&mut stage);
            }
        }
        model.check(&mut stage);
        // A change takes out all that has expired.
        stage.run("HDEL h none");
        let there = stage.run("EXISTS h");
        prop_assert_eq!(there, format!(":{}", i32::from(!model.fields.is_empty())));
    }
}
