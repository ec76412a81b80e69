//! Tables of the list commands, and random ones beside a vector.

use super::limits::Sample;
use super::stage::{Stage, play};
use proptest::prelude::*;

pub(super) const SAMPLES: &[Sample] = &[
    ("blmove", "RPUSH l a b", "BLMOVE l m LEFT RIGHT 0"),
    ("blmpop", "RPUSH l a b", "BLMPOP 0 1 l LEFT"),
    ("blpop", "RPUSH l a b", "BLPOP l 0"),
    ("brpop", "RPUSH l a b", "BRPOP l 0"),
    ("brpoplpush", "RPUSH l a b", "BRPOPLPUSH l m 0"),
    ("lindex", "RPUSH l a", "LINDEX l 0"),
    ("linsert", "RPUSH l a", "LINSERT l BEFORE a b"),
    ("llen", "RPUSH l a", "LLEN l"),
    ("lmove", "RPUSH l a b", "LMOVE l m LEFT RIGHT"),
    ("lmpop", "RPUSH l a b", "LMPOP 1 l LEFT"),
    ("lpop", "RPUSH l a b", "LPOP l"),
    ("lpos", "RPUSH l a", "LPOS l a"),
    ("lpush", "RPUSH l a", "LPUSH l b"),
    ("lpushx", "RPUSH l a", "LPUSHX l b"),
    ("lrange", "RPUSH l a", "LRANGE l 0 -1"),
    ("lrem", "RPUSH l a b", "LREM l 0 a"),
    ("lset", "RPUSH l a", "LSET l 0 b"),
    ("ltrim", "RPUSH l a b", "LTRIM l 1 1"),
    ("rpop", "RPUSH l a b", "RPOP l"),
    ("rpoplpush", "RPUSH l a b", "RPOPLPUSH l m"),
    ("rpush", "RPUSH l a", "RPUSH l b"),
    ("rpushx", "RPUSH l a", "RPUSHX l b"),
    ("sort", "RPUSH l 2 1", "SORT l STORE m"),
    ("sort_ro", "RPUSH l 2 1", "SORT_RO l"),
];

const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";
const SYNTAX: &str = "-ERR syntax error";
const NOT_INTEGER: &str = "-ERR value is not an integer or out of range";

#[test]
fn elements_come_and_go_at_the_ends() {
    play(&[
        ("LPUSH l b a", ":2"),
        ("RPUSH l c d", ":4"),
        ("LRANGE l 0 -1", "*4 $a $b $c $d"),
        ("LPUSHX l x", ":5"),
        ("RPUSHX l y", ":6"),
        ("LPUSHX none x", ":0"),
        ("RPUSHX none x", ":0"),
        ("EXISTS none", ":0"),
        ("LPOP l", "$x"),
        ("RPOP l", "$y"),
        ("LLEN l", ":4"),
        ("LLEN none", ":0"),
        ("TYPE l", "+list"),
        ("OBJECT ENCODING l", "$quicklist"),
        ("LPOP l 0", "*0"),
        ("LPOP l 2", "*2 $a $b"),
        ("RPOP l 9", "*2 $d $c"),
        ("EXISTS l", ":0"),
        ("LPOP l", "$-1"),
        ("RPOP l", "$-1"),
        ("LPOP l 1", "*-1"),
        ("LPOP l 0", "*-1"),
        ("LPOP l -1", "-ERR value is out of range, must be positive"),
        ("RPOP l x", "-ERR value is out of range, must be positive"),
        ("LPOP l 1 2", "-ERR wrong number of arguments for 'lpop' command"),
        ("RPOP l 1 2", "-ERR wrong number of arguments for 'rpop' command"),
        ("SET text 1", "+OK"),
        ("LPUSH text a", WRONG_TYPE),
        ("RPUSHX text a", WRONG_TYPE),
        ("LPOP text", WRONG_TYPE),
        ("LLEN text", WRONG_TYPE),
        ("RPUSH l \"\"", ":1"),
        ("EXPIRE l 100", ":1"),
        ("RPUSH l b", ":2"),
        ("TTL l", ":100"),
        ("SET l x", "+OK"),
    ]);
}

#[test]
fn elements_are_found_and_changed_anywhere() {
    play(&[
        ("RPUSH l a b c a b c a", ":7"),
        ("LINDEX l 0", "$a"),
        ("LINDEX l -1", "$a"),
        ("LINDEX l -6", "$b"),
        ("LINDEX l 7", "$-1"),
        ("LINDEX l -8", "$-1"),
        ("LINDEX none x", "$-1"),
        ("LINDEX l x", NOT_INTEGER),
        ("LRANGE l 2 3", "*2 $c $a"),
        ("LRANGE l -2 100", "*2 $c $a"),
        ("LRANGE l -100 0", "*1 $a"),
        ("LRANGE l 3 2", "*0"),
        ("LRANGE l 7 9", "*0"),
        ("LRANGE l 0 -8", "*0"),
        ("LRANGE none 0 -1", "*0"),
        ("LRANGE l x 1", NOT_INTEGER),
        ("LSET l 1 B", "+OK"),
        ("LSET l -1 A", "+OK"),
        ("LSET l 7 x", "-ERR index out of range"),
        ("LSET l -8 x", "-ERR index out of range"),
        ("LSET none 0 x", "-ERR no such key"),
        ("LSET l x x", NOT_INTEGER),
        ("LRANGE l 0 -1", "*7 $a $B $c $a $b $c $A"),
        ("LINSERT l BEFORE c 1", ":8"),
        ("LINSERT l after A 2", ":9"),
        ("LINSERT l AFTER B 3", ":10"),
        ("LINSERT l before none 2", ":-1"),
        ("LINSERT none BEFORE a 2", ":0"),
        ("LINSERT l BESIDE a 2", SYNTAX),
        ("LRANGE l 0 -1", "*10 $a $B $3 $1 $c $a $b $c $A $2"),
        ("LREM l 1 a", ":1"),
        ("LREM l -1 c", ":1"),
        ("LREM l 0 none", ":0"),
        ("LREM none 0 a", ":0"),
        ("LREM l x a", NOT_INTEGER),
        ("LRANGE l 0 -1", "*8 $B $3 $1 $c $a $b $A $2"),
        ("LTRIM l 1 -2", "+OK"),
        ("LRANGE l 0 -1", "*6 $3 $1 $c $a $b $A"),
        ("LTRIM l 0 -2", "+OK"),
        ("LTRIM l 1 -1", "+OK"),
        ("LTRIM none 0 1", "+OK"),
        ("LRANGE l 0 -1", "*4 $1 $c $a $b"),
        ("LTRIM l 3 2", "+OK"),
        ("EXISTS l", ":0"),
        ("RPUSH l a a", ":2"),
        ("LREM l 0 a", ":2"),
        ("EXISTS l", ":0"),
        ("SET text 1", "+OK"),
        ("LINDEX text 0", WRONG_TYPE),
        ("LRANGE text 0 -1", WRONG_TYPE),
        ("LSET text 0 x", WRONG_TYPE),
        ("LINSERT text BEFORE a b", WRONG_TYPE),
        ("LREM text 0 a", WRONG_TYPE),
        ("LTRIM text 0 1", WRONG_TYPE),
        ("LPOS text a", WRONG_TYPE),
    ]);
}

#[test]
fn places_are_told() {
    play(&[
        ("RPUSH l a b c 1 2 3 c c", ":8"),
        ("LPOS l c", ":2"),
        ("LPOS l none", "$-1"),
        ("LPOS none c", "$-1"),
        ("LPOS none c COUNT 1", "*0"),
        ("LPOS l c RANK 2", ":6"),
        ("LPOS l c RANK 4", "$-1"),
        ("LPOS l c RANK -1", ":7"),
        ("LPOS l c RANK -3", ":2"),
        ("LPOS l c COUNT 2", "*2 :2 :6"),
        ("LPOS l c COUNT 0", "*3 :2 :6 :7"),
        ("LPOS l c COUNT 0 RANK 2", "*2 :6 :7"),
        ("LPOS l c COUNT 2 RANK -1", "*2 :7 :6"),
        ("LPOS l none COUNT 0", "*0"),
        ("LPOS l c COUNT 0 MAXLEN 7", "*2 :2 :6"),
        ("LPOS l c MAXLEN 2", "$-1"),
        ("LPOS l c MAXLEN 1 RANK -1", ":7"),
        ("LPOS l c MAXLEN 0", ":2"),
        (
            "LPOS l c RANK 0",
            "-ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from \
             the end of the list",
        ),
        ("LPOS l c RANK x", NOT_INTEGER),
        ("LPOS l c COUNT -1", "-ERR COUNT can't be negative"),
        ("LPOS l c MAXLEN x", "-ERR MAXLEN can't be negative"),
        ("LPOS l c COUNT", SYNTAX),
        ("LPOS l c NONSENSE 1", SYNTAX),
    ]);
}

#[test]
fn elements_move_between_lists() {
    play(&[
        ("RPUSH l a b c", ":3"),
        ("LMOVE l m LEFT RIGHT", "$a"),
        ("LMOVE l m right left", "$c"),
        ("LRANGE m 0 -1", "*2 $c $a"),
        ("LMOVE l l LEFT RIGHT", "$b"),
        ("RPOPLPUSH l m", "$b"),
        ("EXISTS l", ":0"),
        ("LRANGE m 0 -1", "*3 $b $c $a"),
        ("RPOPLPUSH l m", "$-1"),
        ("LMOVE l m LEFT LEFT", "$-1"),
        ("LMOVE l m UP LEFT", SYNTAX),
        ("RPOPLPUSH m m", "$a"),
        ("LMOVE m m LEFT RIGHT", "$a"),
        ("LMOVE m m LEFT LEFT", "$b"),
        ("LRANGE m 0 -1", "*3 $b $c $a"),
        ("SET text 1", "+OK"),
        ("RPOPLPUSH m text", WRONG_TYPE),
        ("RPOPLPUSH text m", WRONG_TYPE),
        ("RPOPLPUSH none text", "$-1"),
        ("LMPOP 2 none m LEFT", "*2 $m *1 $b"),
        ("LMPOP 1 m RIGHT COUNT 9", "*2 $m *2 $a $c"),
        ("LMPOP 2 m none LEFT", "*-1"),
        ("LMPOP 2 none text LEFT", WRONG_TYPE),
        ("LMPOP 0 m LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP x m LEFT", "-ERR numkeys should be greater than 0"),
        ("LMPOP 2 m LEFT", SYNTAX),
        ("LMPOP 9 m LEFT", SYNTAX),
        ("LMPOP 1 m UP", SYNTAX),
        ("LMPOP 1 m LEFT COUNT 0", "-ERR count should be greater than 0"),
        ("LMPOP 1 m LEFT COUNT", SYNTAX),
        ("LMPOP 1 m LEFT COUNT 1 COUNT 1", SYNTAX),
    ]);
}

/// Where they may not wait they tell at once that there is nothing.
#[test]
fn commands_that_wait_are_as_those_that_do_not() {
    play(&[
        ("BLPOP l 0", "*-1"),
        ("BRPOP l m 0.5", "*-1"),
        ("BLMOVE l m LEFT RIGHT 0", "$-1"),
        ("BRPOPLPUSH l m 0", "$-1"),
        ("BLMPOP 0 2 l m LEFT", "*-1"),
        ("RPUSH m a b c d e", ":5"),
        ("BLPOP l m 0", "*2 $m $a"),
        ("BRPOP l m 1e3", "*2 $m $e"),
        ("BLMOVE m l LEFT RIGHT 0", "$b"),
        ("BRPOPLPUSH m l 0x.8", "$d"),
        ("BLMPOP 1 2 l m LEFT COUNT 5", "*2 $l *2 $d $b"),
        ("SET text 1", "+OK"),
        ("BLPOP l text m 0", WRONG_TYPE),
        ("BLPOP m x", "-ERR timeout is not a float or out of range"),
        ("BLPOP m 0x", "-ERR timeout is not a float or out of range"),
        ("BLPOP m 0x-1", "-ERR timeout is not a float or out of range"),
        ("BLPOP m nan", "-ERR timeout is not a float or out of range"),
        ("BLPOP m -1", "-ERR timeout is negative"),
        ("BLPOP m 1e300", "-ERR timeout is out of range"),
        ("BLMPOP x 1 m LEFT", "-ERR timeout is not a float or out of range"),
        ("BLMPOP 0 0 m LEFT", "-ERR numkeys should be greater than 0"),
        ("BLMPOP x 1 m LEFT COUNT 0", "-ERR count should be greater than 0"),
        ("BLMPOP -1 1 m UP", SYNTAX),
        ("BLMOVE m l UP LEFT 0", SYNTAX),
        ("BLMOVE m l LEFT LEFT -0.1", "-ERR timeout is negative"),
        ("COMMAND GETKEYS BLPOP a b 0", "*2 $a $b"),
        ("COMMAND GETKEYS BLMPOP 0 2 a b LEFT", "*2 $a $b"),
        ("LRANGE m 0 -1", "*1 $c"),
    ]);
}

#[test]
fn elements_are_sorted() {
    play(&[
        ("RPUSH l 3 1 10 2", ":4"),
        ("SORT l", "*4 $1 $2 $3 $10"),
        ("SORT_RO l DESC", "*4 $10 $3 $2 $1"),
        ("SORT l ALPHA", "*4 $1 $10 $2 $3"),
        ("SORT l LIMIT 1 2", "*2 $2 $3"),
        ("SORT l LIMIT -5 2 DESC", "*2 $10 $3"),
        ("SORT l LIMIT 9 2", "*0"),
        ("SORT l LIMIT 2 -1", "*2 $3 $10"),
        ("SORT l LIMIT 0 0", "*0"),
        ("MSET w1 4 w2 3 w3 1 w10 2 name1 one name3 three", "+OK"),
        ("SORT l BY w*", "*4 $3 $10 $2 $1"),
        ("SORT l BY w* GET name* GET #", "*8 $three $3 $-1 $10 $-1 $2 $one $1"),
        ("SORT l BY nosort", "*4 $3 $1 $10 $2"),
        ("SORT l BY nosort GET # LIMIT 1 2", "*2 $1 $10"),
        ("SORT l BY nosort LIMIT 0 2 DESC", "*2 $2 $10"),
        ("SORT l BY none*", "*4 $1 $10 $2 $3"),
        ("HSET h1 f 2 g x", ":2"),
        ("HSET h2 f 1", ":1"),
        ("SORT l BY h*->f GET h*->g LIMIT 2 2", "*2 $-1 $x"),
        ("SORT l GET name", "*4 $-1 $-1 $-1 $-1"),
        ("SORT l GET h*->", "*4 $-1 $-1 $-1 $-1"),
        ("SORT l BY w* GET name* STORE m", ":4"),
        ("LRANGE m 0 -1", "*4 $three $ $ $one"),
        ("SORT l STORE l", ":4"),
        ("LRANGE l 0 -1", "*4 $1 $2 $3 $10"),
        ("SORT none STORE l", ":0"),
        ("EXISTS l", ":0"),
        ("SORT none", "*0"),
        ("RPUSH l a b", ":2"),
        ("SORT l", "-ERR One or more scores can't be converted into double"),
        ("RPUSH odd 1 2", ":2"),
        ("SET by1 \" \"", "+OK"),
        ("SORT odd BY by*", "-ERR One or more scores can't be converted into double"),
        ("SET by1 1e-400", "+OK"),
        ("SORT odd BY by*", "-ERR One or more scores can't be converted into double"),
        ("SET by1 \"\"", "+OK"),
        ("SET by2 \" -1.5\"", "+OK"),
        ("SORT odd BY by*", "*2 $2 $1"),
        ("SORT l ALPHA DESC", "*2 $b $a"),
        ("SADD s 3 2 1", ":3"),
        ("SORT s DESC", "*3 $3 $2 $1"),
        ("SORT s BY nosort STORE t", ":3"),
        ("LRANGE t 0 -1", "*3 $1 $2 $3"),
        ("SORT w1", WRONG_TYPE),
        ("SORT l BY", SYNTAX),
        ("SORT l NONSENSE", SYNTAX),
        ("SORT l LIMIT 1", SYNTAX),
        ("SORT l LIMIT x 1", NOT_INTEGER),
        ("SORT_RO l STORE t", SYNTAX),
        ("COMMAND GETKEYS SORT l BY w* STORE t", "*2 $l $t"),
    ]);
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }

    /// Few different ones, so that some are found; mostly short.
    fn element(&mut self) -> Vec<u8> {
        let kinds = if self.roll(20) == 0 { 8 } else { 6 };
        let length = [1, 1, 2, 40, 40, 300, 20_000, 90_000][self.roll(kinds)];
        vec![b'a' + u8::try_from(self.roll(6)).expect("a letter"); length]
    }
}

fn shown(elements: &[Vec<u8>]) -> String {
    let words = elements.iter().map(|element| format!(" ${}", element.escape_ascii()));
    format!("*{}{}", elements.len(), words.collect::<String>())
}

fn one(element: Option<Vec<u8>>) -> String {
    element.map_or_else(|| "$-1".to_owned(), |element| format!("${}", element.escape_ascii()))
}

/// Two lists, large and small, and what a vector says of each.
fn compare(seed: u64, rounds: usize) {
    let mut dice = Dice(seed);
    let mut stage = Stage::with_segments([1 << 17, 1 << 20][dice.roll(2)]);
    let mut models: [Vec<Vec<u8>>; 2] = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        let which = dice.roll(2);
        let names: [&[u8]; 2] = [b"l", b"m"];
        let name = names[which];
        let grows = round / 100 % 2 == 0;
        let step = dice.roll(if grows { 14 } else { 22 });
        let model = &mut models[which];
        let element = dice.element();
        let count = model.len();
        let index = dice.roll(count.max(1));
        let text = |number: usize| number.to_string().into_bytes();
        let (words, expected): (Vec<Vec<u8>>, String) = match step {
            0..=7 => {
                let is_front = step.is_multiple_of(2);
                let more = if dice.roll(10) == 0 { dice.roll(300) } else { dice.roll(3) };
                let mut elements = vec![element];
                elements
                    .extend((0..more).map(|_| vec![b'a' + u8::try_from(dice.roll(6)).unwrap(); 3]));
                for element in &elements {
                    model.insert(if is_front { 0 } else { model.len() }, element.clone());
                }
                let mut words = vec![
                    if is_front { b"LPUSH".to_vec() } else { b"RPUSH".to_vec() },
                    name.to_vec(),
                ];
                words.extend(elements);
                (words, format!(":{}", model.len()))
            }
            8 if count > 0 => {
                model[index].clone_from(&element);
                (vec![b"LSET".to_vec(), name.to_vec(), text(index), element], "+OK".to_owned())
            }
            9 => {
                let place = model.iter().position(|other| *other == element);
                let new = dice.element();
                let is_behind = dice.roll(2) == 0;
                if let Some(place) = place {
                    model.insert(place + usize::from(is_behind), new.clone());
                }
                let word = if is_behind { b"AFTER".to_vec() } else { b"BEFORE".to_vec() };
                let expected = match place {
                    _ if count == 0 => ":0".to_owned(),
                    None => ":-1".to_owned(),
                    Some(_) => format!(":{}", model.len()),
                };
                (vec![b"LINSERT".to_vec(), name.to_vec(), word, element, new], expected)
            }
            10 => {
                let to = index + dice.roll(40);
                let range: Vec<Vec<u8>> =
                    model.iter().skip(index).take(to - index + 1).cloned().collect();
                (vec![b"LRANGE".to_vec(), name.to_vec(), text(index), text(to)], shown(&range))
            }
            11 => (
                vec![b"LINDEX".to_vec(), name.to_vec(), text(index)],
                one(model.get(index).cloned()),
            ),
            12 => {
                let fitting = (0..count).filter(|&at| model[at] == element);
                let words = ["LPOS", "l", "x", "COUNT", "0"].map(|word| word.as_bytes().to_vec());
                let mut words = words.to_vec();
                (words[1], words[2]) = (name.to_vec(), element.clone());
                let places: Vec<String> = fitting.map(|at| format!(" :{at}")).collect();
                (words, format!("*{}{}", places.len(), places.concat()))
            }
            13 | 14 => {
                let (from_front, to_front) = (dice.roll(2) == 0, dice.roll(2) == 0);
                let target = dice.roll(2);
                let word = |is_front| if is_front { b"LEFT".to_vec() } else { b"RIGHT".to_vec() };
                let moved = match count {
                    0 => None,
                    _ if from_front => Some(model.remove(0)),
                    _ => model.pop(),
                };
                if let Some(moved) = moved.clone() {
                    let at = if to_front { 0 } else { models[target].len() };
                    models[target].insert(at, moved);
                }
                let words = vec![
                    b"LMOVE".to_vec(),
                    name.to_vec(),
                    names[target].to_vec(),
                    word(from_front),
                    word(to_front),
                ];
                (words, one(moved))
            }
            15 | 16 => {
                let element =
                    if step == 15 && count > 0 { Some(model.remove(0)) } else { model.pop() };
                let name_of = if step == 15 { b"LPOP".to_vec() } else { b"RPOP".to_vec() };
                (vec![name_of, name.to_vec()], one(element))
            }
            17 => {
                let wanted = 1 + dice.roll(60);
                let mut taken: Vec<Vec<u8>> = model.split_off(count - wanted.min(count));
                taken.reverse();
                let expected = if count == 0 { "*-1".to_owned() } else { shown(&taken) };
                (vec![b"RPOP".to_vec(), name.to_vec(), text(wanted)], expected)
            }
            18 => {
                let wanted = 1 + dice.roll(60);
                let rest = model.split_off(wanted.min(count));
                let taken = std::mem::replace(model, rest);
                let expected = if count == 0 { "*-1".to_owned() } else { shown(&taken) };
                (vec![b"LPOP".to_vec(), name.to_vec(), text(wanted)], expected)
            }
            19 => {
                let sign = i64::try_from(dice.roll(7)).unwrap() - 3;
                let mut places: Vec<usize> =
                    (0..count).filter(|&at| model[at] == element).collect();
                let most = usize::try_from(sign.unsigned_abs()).unwrap();
                match sign {
                    0 => {}
                    1.. => places.truncate(most),
                    _ => drop(places.drain(..places.len().saturating_sub(most))),
                }
                places.iter().rev().for_each(|&at| drop(model.remove(at)));
                (
                    vec![b"LREM".to_vec(), name.to_vec(), sign.to_string().into_bytes(), element],
                    format!(":{}", places.len()),
                )
            }
            20 | 21 if count > 0 => {
                let last = if dice.roll(3) == 0 {
                    index + dice.roll(20)
                } else {
                    count - 1 - dice.roll(count.min(5))
                };
                let first = if dice.roll(3) == 0 { index } else { dice.roll(3) };
                model.truncate(last + 1);
                *model = model.split_off(first.min(model.len()));
                (vec![b"LTRIM".to_vec(), name.to_vec(), text(first), text(last)], "+OK".to_owned())
            }
            _ => (vec![b"LLEN".to_vec(), name.to_vec()], format!(":{count}")),
        };
        let slices: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        let told = stage.run_words(&slices);
        assert!(
            told == expected,
            "round {round}: {} {}",
            words[0].escape_ascii(),
            words[1].escape_ascii()
        );
        if round % 10 == 0 {
            for (name, model) in names.iter().zip(&models) {
                assert!(
                    stage.run_words(&[b"LRANGE", name, b"0", b"-1"]) == shown(model),
                    "round {round}"
                );
                assert_eq!(
                    stage.run_words(&[b"EXISTS", name]),
                    format!(":{}", u8::from(!model.is_empty()))
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn lists_are_what_vectors_say(seed in any::<u64>()) {
        compare(seed, 400);
    }
}

/// What goes by the ends alone is as long and as cheap as it may be: no element is lost over many chunks.
#[test]
fn a_long_queue_keeps_its_order() {
    let mut stage = Stage::new();
    let (mut put, mut taken) = (0, 0);
    for round in 0..6 {
        for _ in 0..3_000 {
            put += 1;
            stage.run(&format!("LPUSH l element:{put}"));
        }
        for _ in 0..if round == 5 { 13_000 } else { 1_000 } {
            taken += 1;
            assert_eq!(stage.run("RPOP l"), format!("$element:{taken}"));
        }
        assert_eq!(stage.run("LLEN l"), format!(":{}", put - taken));
    }
    assert_eq!(stage.run("EXISTS l"), ":0");
}
