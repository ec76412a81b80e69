//! Tests of what runs on copies: work that meets keys it did not name, units, and keys that are watched.

use super::machine::{ANN, Machine};
use crate::command::find;
use crate::effect::{Answer, Effect, Ticket};
use crate::request::Outcome;
use crate::{Bench, Halt, Queued, Recorded, Unit, Work};
use hyperion_model::DatabaseId;
use std::cell::Cell;
use std::rc::Rc;

const DATABASE: DatabaseId = DatabaseId(0);

fn key(name: &str) -> (DatabaseId, Vec<u8>) {
    (DATABASE, name.as_bytes().to_vec())
}

fn call(bench: &mut Bench<'_>, line: &str) -> Result<Recorded, Halt> {
    let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
    let mut reply = Recorded::default();
    bench.call(find(words[0]).expect("it is in the table"), DATABASE, &words, &mut reply)?;
    Ok(reply)
}

/// Sets a key, then counts up the one that another key names; then ends as it is told.
#[derive(Debug)]
struct Script {
    runs: Rc<Cell<usize>>,
    follows: &'static str,
    refuses: bool,
}

impl Work for Script {
    fn run(&mut self, bench: &mut Bench<'_>, _: &mut dyn FnMut()) -> Result<Answer, Halt> {
        self.runs.set(self.runs.get() + 1);
        call(bench, "append first x")?;
        let answer = call(bench, &format!("incr {}", self.follows))?;
        call(bench, "del gone")?;
        if self.refuses {
            return Err(Halt::Refused("ERR no".to_owned()));
        }
        Ok(Answer::Recorded(answer))
    }

    fn may_write(&self) -> bool {
        true
    }
}

/// Ends turns until what was begun is answered.
fn answer(machine: &mut Machine) -> Answer {
    for _ in 0..100 {
        machine.now_ms += 1;
        machine.engine.begin_turn(machine.now_ms);
        machine.engine.go_on_with_units();
        machine.end_turn();
        machine.engine.room_came();
        let mut effects = Vec::new();
        machine.engine.take_effects(&mut effects);
        let finished = effects.into_iter().next().map(|effect| match effect {
            Effect::Finished { answer, .. } => answer,
            other => panic!("{other:?}"),
        });
        if let Some(answer) = finished {
            return answer;
        }
    }
    panic!("it is not answered");
}

fn script(machine: &mut Machine, refuses: bool) -> (usize, Answer) {
    let runs = Rc::new(Cell::new(0));
    let work = Script { runs: Rc::clone(&runs), follows: "hidden", refuses };
    machine.engine.begin_work(Ticket(1), vec![key("first"), key("gone")], Box::new(work));
    let answer = answer(machine);
    (runs.get(), answer)
}

#[test]
fn work_that_meets_another_key_begins_anew_with_it() {
    let mut machine = Machine::in_memory();
    machine.run((0, 1), &[b"mset", b"first", b"a", b"gone", b"here", b"hidden", b"41"]);
    let (runs, answer) = script(&mut machine, false);
    assert_eq!(runs, 2, "once without the key, once with it");
    let Answer::Recorded(answer) = answer else { panic!("{answer:?}") };
    let mut expected = Recorded::default();
    hyperion_model::ReplyWriter::integer(&mut expected, 42);
    assert_eq!(answer, expected);
    assert_eq!(machine.read(b"first"), b"ax", "what the first run did is not there");
    assert_eq!((machine.read(b"hidden"), machine.read(b"gone")), (b"42".to_vec(), Vec::new()));
    // It is answered when it is decided; what is left is the word that all has taken effect.
    for _ in 0..3 {
        machine.end_turn();
        machine.engine.settle();
    }
    assert!(machine.engine.locks.is_empty() && machine.engine.is_settled());
}

#[test]
fn work_that_is_refused_has_no_effect() {
    let mut machine = Machine::in_memory();
    machine.run((0, 1), &[b"mset", b"first", b"a", b"gone", b"here"]);
    let appended = machine.engine.store().appended_position();
    let (runs, answer) = script(&mut machine, true);
    assert!(matches!(&answer, Answer::Error(line) if line == "ERR no"), "{answer:?}");
    assert_eq!((runs, machine.engine.store().appended_position()), (2, appended));
    assert_eq!(machine.read(b"first"), b"a");
    assert!(machine.engine.locks.is_empty() && machine.engine.is_settled());
}

/// Changes keys of all types where they lie, then is stopped.
#[derive(Debug)]
struct Stopped(&'static [&'static str]);

impl Work for Stopped {
    fn run(&mut self, bench: &mut Bench<'_>, _: &mut dyn FnMut()) -> Result<Answer, Halt> {
        for line in self.0 {
            let reply = call(bench, line)?;
            assert!(!reply.is_error(), "{line}: {reply:?}");
        }
        Err(Halt::Refused("ERR stopped".to_owned()))
    }

    fn may_write(&self) -> bool {
        true
    }
}

#[test]
fn work_that_is_stopped_is_taken_back_where_it_ran() {
    let mut machine = Machine::in_memory();
    let keys = [
        "string", "hash", "list", "set", "sorted", "expiring", "fresh", "renamed", "another",
        "last",
    ];
    let words = |line: &str| -> Vec<Vec<u8>> { line.split(' ').map(Into::into).collect() };
    let run = |machine: &mut Machine, line: &str| {
        let words = words(line);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        machine.run((0, 1), &words)
    };
    for line in [
        "set string a",
        "hset hash f v g w",
        "rpush list a b c",
        "sadd set a b",
        "zadd sorted 1 a 2 b",
        "set expiring x px 100000",
    ] {
        run(&mut machine, line);
    }
    let dump = |machine: &mut Machine| {
        keys.map(|key| {
            let store = machine.engine.store_mut();
            let place = store.key(DATABASE, key.as_bytes());
            let found = store.peek(&place)?;
            Some((store.content(&found), store.expiry_ms(&found)))
        })
    };
    let before = dump(&mut machine);
    let lines = &[
        "append string b",
        "hset hash f changed",
        "hdel hash g",
        "lpop list",
        "rename list renamed",
        "sadd set c",
        "del sorted",
        "set sorted text",
        "persist expiring",
        "incr fresh",
        "incr fresh",
        "set another a",
        "incr last",
        "incr last",
        "incr fresh",
    ];
    let (answer, _) =
        machine.engine.try_work(&mut Stopped(lines), &mut || {}).expect("it is alone");
    assert!(matches!(&answer, Answer::Error(line) if line == "ERR stopped"), "{answer:?}");
    assert_eq!(dump(&mut machine), before);

    // What is too long is not kept, and the client is told what that means.
    let long = "x".repeat(1 << 16);
    run(&mut machine, &format!("set string {long}"));
    let (answer, _) = machine
        .engine
        .try_work(&mut Stopped(&["append string b"]), &mut || {})
        .expect("it is alone");
    assert!(matches!(&answer, Answer::Error(line) if line.contains("stands")), "{answer:?}");
    assert_eq!(machine.read(b"string").len(), long.len() + 1);
    let (answer, _) =
        machine.engine.try_work(&mut Stopped(&["get string"]), &mut || {}).expect("it is alone");
    assert!(matches!(&answer, Answer::Error(line) if line == "ERR stopped"), "{answer:?}");
}

fn unit(lines: &[&str]) -> Unit {
    let commands = lines.iter().map(|line| {
        let arguments: Vec<Vec<u8>> =
            line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let spec = find(&arguments[0]).expect("it is in the table");
        Queued { spec, database: DATABASE, arguments }
    });
    Unit { commands: commands.collect(), ..Unit::default() }
}

/// Fills the log until nothing more is taken, on a disk that has no room for another segment. Gives the number of keys.
fn fill(machine: &mut Machine) -> usize {
    let value = [b'v'; 1_000];
    machine.run(ANN, &[b"set", b"first", &value]);
    machine.is_full = true;
    let is_taken = |number: &usize| {
        let key = format!("key:{number}");
        !matches!(machine.turn(ANN, &[b"set", key.as_bytes(), &value]).0, Outcome::NoRoom)
    };
    let keys = (0..).take_while(is_taken).count();
    machine.engine.store_mut().set_full(true);
    keys
}

/// Runs a line as a script does.
#[derive(Debug)]
struct Line(String);

impl Work for Line {
    fn run(&mut self, bench: &mut Bench<'_>, _: &mut dyn FnMut()) -> Result<Answer, Halt> {
        Ok(Answer::Recorded(call(bench, &self.0)?))
    }

    fn may_write(&self) -> bool {
        true
    }
}

/// What takes no memory is done on a full disk in MULTI and in scripts too, and what takes some leaves it that.
#[test]
fn deletions_in_units_and_scripts_may_use_what_is_kept_back() {
    let mut machine = Machine::in_memory();
    let keys = fill(&mut machine);
    assert!(keys > 50, "{keys} keys");
    let mut one = Recorded::default();
    hyperion_model::ReplyWriter::integer(&mut one, 1);
    for number in (0..30).step_by(2) {
        machine.engine.begin_unit(Ticket(1), unit(&[&format!("del key:{number}")]));
        let Answer::Unit { replies: Some(replies), .. } = answer(&mut machine) else {
            panic!("nothing was watched")
        };
        assert_eq!(replies, [one.clone()], "key {number}");
        let mut script = |line: String| {
            let done = machine.engine.try_work(&mut Line(line), &mut || {});
            let Some((Answer::Recorded(reply), _)) = done else { panic!("{done:?}") };
            reply
        };
        let refused = script(format!("set key:{number} {}", "v".repeat(1_000)));
        assert!(refused.is_error(), "{refused:?}");
        assert_eq!(script(format!("del key:{}", number + 1)), one, "key {}", number + 1);
    }
    assert!(matches!(machine.turn(ANN, &[b"set", b"key", &[b'v'; 1_000]]).0, Outcome::NoRoom));
}

/// Work that writes more than is left of the log waits for room like a command of its own does, and is not told of it.
#[test]
fn work_that_finds_no_room_begins_anew() {
    let mut machine = Machine::in_memory();
    for number in 0..4_000 {
        let (score, member) = (number.to_string(), format!("member:{number}"));
        machine.turn(ANN, &[b"zadd", b"source", score.as_bytes(), member.as_bytes()]);
    }
    let work = || Line("zunionstore target 1 source".to_owned());
    let mut later = 0;
    for round in 0..30 {
        let answer = match machine.engine.try_work(&mut work(), &mut || {}) {
            Some((answer, _)) => answer,
            None => {
                later += 1;
                let keys = vec![key("source"), key("target")];
                machine.engine.begin_work(Ticket(1), keys, Box::new(work()));
                answer(&mut machine)
            }
        };
        let Answer::Recorded(reply) = answer else { panic!("round {round}: {answer:?}") };
        assert!(!reply.is_error(), "round {round}: {reply:?}");
    }
    assert!((1..30).contains(&later), "{later} of 30 found no room");
}

/// A unit lies in one batch of the log, whatever is left of the segment in use.
#[test]
fn a_unit_is_one_batch() {
    let mut machine = Machine::in_memory();
    let lines: Vec<String> =
        (0..40).map(|at| format!("set key:{at} {}", "v".repeat(900))).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let unit = unit(&lines);
    let mut rotations = 0;
    for _ in 0..60 {
        machine.now_ms += 1;
        machine.engine.begin_turn(machine.now_ms);
        machine.engine.begin_unit(Ticket(1), unit.clone());
        let in_use = machine.engine.store().figures().segments_in_use;
        let Answer::Unit { replies: Some(replies), .. } = answer(&mut machine) else {
            panic!("nothing was watched")
        };
        assert_eq!(replies.len(), 40);
        assert!(!replies.iter().any(Recorded::is_error));
        rotations += u64::from(in_use > 1);
    }
    assert!(rotations > 0, "segments were filled");
}

/// Commands about many names of large collections, which change them one after the other or in one edit.
fn lines_of_many_names(at: usize, count: usize) -> [String; 5] {
    let names = |begin: usize, count: usize, each: &dyn Fn(usize) -> String| {
        let names: Vec<_> = (begin..begin + count).map(|at| each(at * 7_919 % 20_000)).collect();
        names.join(" ")
    };
    [
        format!("hset h {}", names(at, count, &|at| format!("field:{at} value:{at}"))),
        format!("sadd s {}", names(at, count, &|at| format!("member:{at}"))),
        format!("zadd z {}", names(at, count, &|at| format!("{} member:{at}", at % 977))),
        format!("srem s {}", names(at / 2, count / 2 + 1, &|at| format!("member:{at}"))),
        format!("zremrangebyrank z {} {}", at % 50, at % 50 + count / 3),
    ]
}

/// How many names those have.
const COUNTS: [usize; 6] = [1, 3, 16, 40, 100, 200];

/// A unit of such commands lies in one batch too, which a debug build checks where it runs.
#[test]
fn a_unit_about_large_collections_is_one_batch() {
    let mut machine = Machine::in_memory();
    let mut at = 0;
    for count in COUNTS.into_iter().cycle().take(300) {
        machine.now_ms += 1;
        machine.engine.begin_turn(machine.now_ms);
        let lines = lines_of_many_names(at, count);
        at += count;
        machine.engine.begin_unit(Ticket(1), unit(&lines.each_ref().map(String::as_str)));
        let answered = answer(&mut machine);
        let Answer::Unit { replies: Some(replies), .. } = answered else { panic!("{answered:?}") };
        assert!(!replies.iter().any(Recorded::is_error), "{lines:?}");
    }
    assert!(machine.segments > 10, "segments were filled: {}", machine.segments);
}

/// Commands that change their names one after the other begin at all places of a segment: what they write lies in one batch, as a debug build checks.
#[test]
fn a_command_about_many_names_may_meet_the_end_of_a_segment() {
    let mut machine = Machine::in_memory();
    let mut at = 0;
    for count in COUNTS.into_iter().cycle().take(1_500) {
        for line in lines_of_many_names(at, count) {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            let said = machine.run(ANN, &words);
            assert!(said.starts_with(':'), "{line:.40}: {said}");
        }
        at += count;
    }
    assert!(machine.segments > 10, "segments were filled: {}", machine.segments);
}

#[test]
fn a_unit_runs_only_if_what_is_watched_stands() {
    let mut machine = Machine::in_memory();
    machine.run((0, 1), &[b"set", b"watched", b"1"]);
    for (line, stands) in
        [(&[&b"get"[..], b"watched"][..], true), (&[&b"set"[..], b"watched", b"2"][..], false)]
    {
        machine.engine.begin_watch(Ticket(1), vec![key("watched"), key("absent")]);
        let Answer::Watched(watched) = answer(&mut machine) else { panic!("they are watched") };
        machine.run((0, 1), line);
        let unit = Unit { watched: watched.clone(), ..unit(&["incr count"]) };
        machine.engine.begin_unit(Ticket(1), unit);
        let Answer::Unit { replies, .. } = answer(&mut machine) else { panic!("it is a unit") };
        assert_eq!(replies.is_some(), stands);
        assert_eq!(machine.read(b"count"), b"1", "it ran the first time alone");
        machine.engine.unwatch(watched.into_iter().map(|it| (it.database, it.key)).collect());
        assert!(!machine.engine.store().has_watches());
    }
}
