//! Tests of keyspace events: what each command tells, in which order, and when.

use super::machine::{ANN, Machine};
use crate::request::Outcome;
use crate::settings::{Durability, Settings};
use crate::{Change, Eviction};
use hyperion_model::EventMask;

impl Machine {
    /// Runs a line of words and gives the events that it told: `database:event:key`.
    fn told(&mut self, line: &str) -> Vec<String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.run(ANN, &words);
        self.take_told()
    }

    fn take_told(&mut self) -> Vec<String> {
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let events = std::iter::from_fn(|| self.engine.take_event());
        events
            .map(|event| format!("{}:{}:{}", event.database.0, event.event, name(&event.key)))
            .collect()
    }
}

fn listening(letters: &str) -> Machine {
    let mut machine = Machine::new();
    machine.engine.set_events(EventMask::parse(letters.as_bytes()).expect(letters));
    machine
}

#[test]
fn each_command_tells_what_redis_tells() {
    let mut machine = listening("KEAmn");
    for (line, told) in [
        ("set a 1", "0:new:a 0:set:a"),
        ("set a 2", "0:set:a"),
        ("set a 3 EX 100", "0:set:a 0:expire:a"),
        ("set a 4 KEEPTTL", "0:set:a"),
        ("set a 4 NX", ""),
        ("set b 4 XX", ""),
        ("setnx a 5", ""),
        ("setnx b 5", "0:new:b 0:set:b"),
        ("setex b 100 5", "0:set:b 0:expire:b"),
        ("psetex b 100000 5", "0:set:b 0:expire:b"),
        ("getset b 6", "0:set:b"),
        ("incr b", "0:incrby:b"),
        ("decrby b 2", "0:incrby:b"),
        ("incrbyfloat b 1.5", "0:incrbyfloat:b"),
        ("append b x", "0:append:b"),
        ("incr b", ""),
        ("append c x", "0:new:c 0:append:c"),
        ("setrange c 3 y", "0:setrange:c"),
        ("setrange d 3 y", "0:new:d 0:setrange:d"),
        ("getdel d", "0:del:d"),
        ("getdel d", ""),
        ("getex c EX 100", "0:expire:c"),
        ("getex c PERSIST", "0:persist:c"),
        ("getex c", ""),
        ("getex c PXAT 1", "0:del:c"),
        ("mset c 1 d 2", "0:new:c 0:new:d 0:set:c 0:set:d"),
        ("mset c 2", "0:set:c"),
        ("msetnx c 1 e 2", ""),
        ("msetnx e 1 f 2", "0:new:e 0:new:f 0:set:e 0:set:f"),
        ("expire e 100", "0:expire:e"),
        ("persist e", "0:persist:e"),
        ("persist e", ""),
        ("expire e -1", "0:del:e"),
        ("expire e 1", ""),
        ("rename c g", "0:new:g 0:rename_from:c 0:rename_to:g"),
        ("rename g g", ""),
        ("renamenx g d", ""),
        ("renamenx g h", "0:new:h 0:rename_from:g 0:rename_to:h"),
        ("copy h i", "0:new:i 0:copy_to:i"),
        ("copy h i DB 3", "3:copy_to:i"),
        ("copy h i", ""),
        ("del a b zz", "0:del:a 0:del:b"),
        ("unlink d", "0:del:d"),
        ("get h", ""),
        ("get zz", "0:keymiss:zz"),
        ("mget h zz i yy", "0:keymiss:zz 0:keymiss:yy"),
        ("flushall", ""),
    ] {
        assert_eq!(machine.told(line).join(" "), told, "{line}");
    }
}

#[test]
fn hashes_and_sets_tell_what_redis_tells() {
    let mut machine = listening("KEA");
    for (line, told) in [
        ("hset h a 1 b 2", "0:hset:h"),
        ("hmset h a 1", "0:hset:h"),
        ("hsetnx h a 1", ""),
        ("hsetnx h c 1", "0:hset:h"),
        ("hincrby h a 1", "0:hincrby:h"),
        ("hincrbyfloat h a 1.5", "0:hincrbyfloat:h"),
        ("hincrby h a 1", ""),
        ("hdel h none", ""),
        ("hdel h a", "0:hdel:h"),
        ("hexpire h 100 fields 1 none", ""),
        ("hexpire h 100 fields 2 b none", "0:hexpire:h"),
        ("hexpire h 50 gt fields 1 b", ""),
        ("hpersist h fields 1 b", "0:hpersist:h"),
        ("hpersist h fields 1 b", ""),
        ("hpexpireat h 1 fields 1 b", "0:hdel:h"),
        ("hgetdel h fields 1 none", ""),
        ("hgetex h ex 100 fields 1 c", "0:hexpire:h"),
        ("hgetex h persist fields 1 c", "0:hpersist:h"),
        ("hgetex h fields 1 c", ""),
        ("hsetex h ex 100 fields 1 d 1", "0:hset:h 0:hexpire:h"),
        ("hsetex h fnx fields 1 d 1", ""),
        ("hsetex h pxat 1 fields 1 d 1", "0:hset:h 0:hdel:h"),
        ("hgetdel h fields 1 c", "0:hdel:h 0:del:h"),
        ("hset h a 1", "0:hset:h"),
        ("hdel h a", "0:hdel:h 0:del:h"),
        ("sadd s a b c", "0:sadd:s"),
        ("sadd s a", ""),
        ("srem s none", ""),
        ("srem s a", "0:srem:s"),
        ("smove s t none", ""),
        ("smove s t b", "0:srem:s 0:sadd:t"),
        ("sunionstore u s t", "0:sunionstore:u"),
        ("sinterstore u s u", "0:sinterstore:u"),
        ("sdiffstore u u t", "0:sdiffstore:u"),
        ("sdiffstore u u u", "0:del:u"),
        ("sdiffstore u u u", ""),
        ("smove s t c", "0:srem:s 0:del:s 0:sadd:t"),
        ("spop t", "0:spop:t"),
        ("spop t 5", "0:spop:t 0:del:t"),
        ("spop t 5", ""),
        ("sadd s a", "0:sadd:s"),
        ("srem s a", "0:srem:s 0:del:s"),
    ] {
        assert_eq!(machine.told(line).join(" "), told, "{line}");
    }
}

#[test]
fn fields_that_expired_are_told_by_the_next_change() {
    let mut machine = listening("KEA");
    machine.told("hset h a 1 b 2");
    machine.told("hpexpire h 5 fields 1 a");
    machine.now_ms += 10;
    assert_eq!(machine.told("hget h a"), [""; 0]);
    assert_eq!(machine.told("hset h c 1"), ["0:hexpired:h", "0:hset:h"]);
    machine.told("hpexpire h 5 fields 2 b c");
    machine.now_ms += 10;
    assert_eq!(machine.told("hdel h a"), ["0:hexpired:h", "0:del:h"]);
}

#[test]
fn the_sweep_takes_out_fields_that_expired() {
    let mut machine = listening("KEA");
    for number in 0..500 {
        machine.told(&format!("set k{number} v"));
    }
    machine.told("hset h a 1 b 2");
    machine.told("hset lasting a 1 b 2");
    machine.told("hpexpire h 5 fields 2 a b");
    machine.told("hpexpire lasting 5 fields 1 a");
    machine.told("hpexpire lasting 100000 fields 1 b");
    // The first to expire is another by now: that is no reason to tell anything.
    machine.told("hset later a 1 b 2");
    machine.told("hpexpire later 5 fields 1 a");
    machine.told("hpexpire later 100000 fields 1 a");
    machine.now_ms += 10;
    let mut told = Vec::new();
    for _ in 0..200 {
        machine.turn(ANN, &[b"get", b"k1"]);
        machine.engine.sweep_fields();
        told.extend(machine.take_told());
    }
    told.sort();
    assert_eq!(told, ["0:del:h", "0:hexpired:h", "0:hexpired:lasting"]);
    assert_eq!(machine.engine.store().count(hyperion_model::DatabaseId(0)), 502);
    assert_eq!(machine.run(ANN, &[b"hlen", b"lasting"]), ":1");
    assert_eq!(machine.run(ANN, &[b"hlen", b"later"]), ":2");
}

#[test]
fn only_classes_that_are_listened_to_are_told() {
    for (letters, told) in [
        ("", ""),
        ("A", ""),
        ("KE", ""),
        ("K$", "0:set:a"),
        ("Eg", "0:expire:a"),
        ("Ex", "0:expired:a"),
        ("En", "0:new:a 0:new:a"),
        ("Em", "0:keymiss:a"),
        ("EA", "0:set:a 0:expire:a 0:expired:a"),
    ] {
        let mut machine = listening(letters);
        let mut all = machine.told("psetex a 5 1");
        machine.now_ms += 10;
        all.extend(machine.told("get a"));
        machine.engine.set_events(EventMask::NONE);
        if letters == "En" {
            machine.engine.set_events(EventMask::parse(b"En").expect("it is known"));
            all.extend(machine.told("incr a"));
        }
        assert_eq!(all.join(" "), told, "{letters:?}");
    }
}

#[test]
fn a_key_that_expired_is_told_before_what_takes_its_place() {
    let mut machine = listening("EAn");
    machine.told("psetex a 5 1");
    machine.now_ms += 10;
    assert_eq!(machine.told("setnx a 2"), ["0:expired:a", "0:new:a", "0:set:a"]);
    machine.told("psetex b 5 1");
    machine.now_ms += 10;
    machine.engine.begin_turn(machine.now_ms);
    machine.engine.store_mut().sweep(100_000, 10);
    machine.told("get a");
    assert_eq!(machine.take_told(), [""; 0]);
}

#[test]
fn an_event_waits_for_the_log_as_the_answer_does() {
    let mut machine = listening("EA");
    machine.told("set a 1");
    let settings = machine.engine.settings().clone();
    machine.engine.apply(Settings { durability: Durability::Always, ..settings });
    let (outcome, _) = machine.turn(ANN, &[b"set", b"a", b"2"]);
    assert!(matches!(outcome, Outcome::Done { .. }));
    assert_eq!(machine.take_told(), [""; 0], "it is not on stable storage yet");
    let ticket = machine.engine.store_mut().begin_sync().expect("something was written");
    machine.engine.synced(&ticket);
    assert_eq!(machine.take_told(), ["0:set:a"]);
}

#[test]
fn what_is_evicted_is_told() {
    let mut machine = listening("Ee");
    let value = vec![b'v'; 100_000];
    for number in 0..40_u32 {
        machine.run(ANN, &[b"set", number.to_string().as_bytes(), &value]);
    }
    let settings = machine.engine.settings().clone();
    let (memory_bytes_max, eviction) = (4 << 20, Eviction::AllkeysLru);
    machine.engine.apply(Settings { memory_bytes_max, eviction, ..settings });
    for number in 0..40_u32 {
        machine.turn(ANN, &[b"set", number.to_string().as_bytes(), &value]);
        machine.engine.evict_slice();
    }
    let told = machine.take_told();
    let evicted = machine.engine.store().evicted();
    assert!(evicted > 0 && told.len() as u64 == evicted, "{evicted} keys, {told:?}");
    assert!(told.iter().all(|line| line.starts_with("0:evicted:")), "{told:?}");
}

#[test]
fn a_command_in_slices_tells_each_key_when_it_takes_effect() {
    let mut machine = listening("EA");
    let words: Vec<String> = (0..6_000).map(|number| format!("k{number}")).collect();
    let mut line: Vec<&[u8]> = vec![b"mset"];
    line.extend(words.iter().flat_map(|key| [key.as_bytes(), &b"v"[..]]));
    machine.begin(&line);
    let mut reply = super::machine::Line::default();
    while !machine.slice(&mut reply) {
        assert_eq!(machine.take_told(), [""; 0]);
    }
    let told = machine.take_told();
    assert_eq!((told.len(), told[0].as_str()), (6_000, "0:set:k0"));
}

impl Machine {
    fn changed(&mut self, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.run(ANN, &words);
        let changes = std::iter::from_fn(|| self.engine.take_change());
        let names = changes.map(|change| match change {
            Change::Key { key, by, .. } => {
                let key = String::from_utf8_lossy(&key).into_owned();
                if by == Some(ANN) { key } else { format!("({key})") }
            }
            Change::All => "all".to_owned(),
            Change::Flushed(_) => "flushed".to_owned(),
            Change::AllFlushed(..) => "all flushed".to_owned(),
        });
        names.collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn keys_that_change_are_told_with_who_changed_them() {
    let mut machine = Machine::new();
    assert_eq!(machine.changed("set a 1"), "", "nobody has asked for it");
    machine.engine.tell_changes(true);
    for (line, changed) in [
        ("set a 2", "a"),
        ("get a", ""),
        ("setnx a 3", ""),
        ("del b", ""),
        ("mset a 1 b 2", "a b"),
        ("rename a c", "a c"),
        ("getex b", ""),
        ("expire b 100", "b"),
        ("psetex b 5 1", "b"),
    ] {
        assert_eq!(machine.changed(line), changed, "{line}");
    }
    machine.now_ms += 10;
    assert_eq!(machine.changed("get b"), "(b)", "it has expired");
    // Keys that are read to write others have not changed, nor streams whose entries stay.
    for (line, changed) in [
        ("sadd s 1 2", "s"),
        ("sadd s2 2", "s2"),
        ("sinterstore t s s2", "t"),
        ("sort s store u", "u"),
        ("copy s v", "v"),
        ("smove s s2 1", "s s2"),
        ("xadd x 1-1 f v", "x"),
        ("xgroup create x g 0", ""),
        ("xgroup create y g 0 mkstream", "y"),
        ("xreadgroup group g c streams x >", ""),
        ("xack x g 1-1", ""),
        ("xdel x 1-1", "x"),
        // It keeps its estimate with the sketch.
        ("pfadd p 1", "p"),
        ("pfcount p", "p"),
        ("pfcount p", ""),
    ] {
        assert_eq!(machine.changed(line), changed, "{line}");
    }
    assert_eq!(machine.changed("flushdb"), "all");
    machine.engine.tell_changes(false);
    assert_eq!(machine.changed("set a 1"), "");
}
