//! Streams beside a model: entries in a map, one group with what is pending.

use super::stage::Stage;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;

type Id = (u64, u64);

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }
}

#[derive(Default)]
struct Model {
    entries: BTreeMap<Id, String>,
    last: Id,
    added: u64,
    given: Id,
    /// Consumer and how often.
    pending: BTreeMap<Id, (usize, u64)>,
}

const CONSUMERS: [&str; 3] = ["ann", "bob", "cy"];

fn text((ms, sequence): Id) -> String {
    format!("{ms}-{sequence}")
}

fn told<'e>(entries: impl Iterator<Item = (&'e Id, &'e String)>) -> String {
    let each: Vec<String> =
        entries.map(|(id, value)| format!(" *2 ${} *2 $f ${value}", text(*id))).collect();
    format!("*{}{}", each.len(), each.concat())
}

impl Model {
    fn some_id(&self, dice: &mut Dice) -> Id {
        let at = dice.roll(self.entries.len() + 1);
        self.entries.keys().nth(at).copied().unwrap_or((dice.roll(400) as u64, 1))
    }

    /// A line, and what it is answered.
    fn step(&mut self, dice: &mut Dice) -> (String, String) {
        match dice.roll(14) {
            0..=4 => self.add(dice),
            5 => {
                let ids: Vec<Id> = (0..1 + dice.roll(5)).map(|_| self.some_id(dice)).collect();
                let removed = ids.iter().filter(|id| self.entries.remove(id).is_some()).count();
                let ids: Vec<String> = ids.into_iter().map(text).collect();
                (format!("XDEL s {}", ids.join(" ")), format!(":{removed}"))
            }
            6 => self.trim(dice),
            7 => {
                let (one, other) = (self.some_id(dice), self.some_id(dice));
                let (start, end) = (one.min(other), one.max(other));
                let most = 1 + dice.roll(50);
                let range = self.entries.range(start..=end);
                if dice.roll(2) == 0 {
                    let line = format!("XRANGE s {} {} COUNT {most}", text(start), text(end));
                    (line, told(range.take(most)))
                } else {
                    let line = format!("XREVRANGE s {} {} COUNT {most}", text(end), text(start));
                    (line, told(range.rev().take(most)))
                }
            }
            8..=9 => self.give(dice),
            10 => {
                let ids: Vec<Id> = (0..1 + dice.roll(8)).map(|_| self.some_id(dice)).collect();
                let count = ids.iter().filter(|id| self.pending.remove(id).is_some()).count();
                let ids: Vec<String> = ids.into_iter().map(text).collect();
                (format!("XACK s g {}", ids.join(" ")), format!(":{count}"))
            }
            11 => self.claim(dice),
            12 => {
                let each: Vec<String> = self
                    .pending
                    .iter()
                    .map(|(id, (consumer, times))| {
                        format!(" *4 ${} ${} :0 :{times}", text(*id), CONSUMERS[*consumer])
                    })
                    .collect();
                let line = "XPENDING s g - + 1000000".to_owned();
                (line, format!("*{}{}", each.len(), each.concat()))
            }
            _ => ("XLEN s".to_owned(), format!(":{}", self.entries.len())),
        }
    }

    fn add(&mut self, dice: &mut Dice) -> (String, String) {
        let id = match dice.roll(3) {
            0 => (self.last.0 + 1 + dice.roll(3) as u64, dice.roll(2) as u64),
            _ => (self.last.0, self.last.1 + 1),
        };
        let kinds = if dice.roll(8) == 0 { 10 } else { 8 };
        let length = [1, 5, 30, 5, 5, 300, 5, 30, 20_000, 70_000][dice.roll(kinds)];
        let value = "v".repeat(length);
        let line = format!("XADD s {} f {value}", text(id));
        self.entries.insert(id, value);
        (self.last, self.added) = (id, self.added + 1);
        (line, format!("${}", text(id)))
    }

    fn trim(&mut self, dice: &mut Dice) -> (String, String) {
        let before = self.entries.len();
        let line = if dice.roll(2) == 0 {
            let most = if dice.roll(5) == 0 { 0 } else { before - before.min(dice.roll(40)) };
            while self.entries.len() > most {
                self.entries.pop_first();
            }
            format!("XTRIM s MAXLEN {most}")
        } else {
            let skipped = dice.roll(30);
            let first = self.entries.keys().nth(skipped).copied().unwrap_or((0, 0));
            self.entries = self.entries.split_off(&first);
            format!("XTRIM s MINID {}", text(first))
        };
        (line, format!(":{}", before - self.entries.len()))
    }

    fn give(&mut self, dice: &mut Dice) -> (String, String) {
        let (consumer, most) = (dice.roll(3), 1 + dice.roll(40));
        let line = format!("XREADGROUP GROUP g {} COUNT {most} STREAMS s", CONSUMERS[consumer]);
        if dice.roll(3) > 0 {
            let behind = (self.given.0, self.given.1 + 1);
            let given: Vec<_> = self.entries.range(behind..).take(most).collect();
            let reply = match given.last() {
                None => "*-1".to_owned(),
                Some(_) => format!("*1 *2 $s {}", told(given.iter().copied())),
            };
            let ids: Vec<Id> = given.into_iter().map(|(id, _)| *id).collect();
            for id in ids {
                self.given = id;
                self.pending.insert(id, (consumer, 1));
            }
            return (format!("{line} >"), reply);
        }
        let own = self.pending.iter_mut().filter(|(_, (owner, _))| *owner == consumer);
        let (mut reply, mut count) = (String::new(), 0);
        for (id, (_, times)) in own.take(most) {
            count += 1;
            match self.entries.get(id) {
                Some(value) => {
                    *times += 1;
                    write!(reply, " *2 ${} *2 $f ${value}", text(*id)).expect("it is memory");
                }
                None => write!(reply, " *2 ${} *-1", text(*id)).expect("it is memory"),
            }
        }
        (format!("{line} 0"), format!("*1 *2 $s *{count}{reply}"))
    }

    fn claim(&mut self, dice: &mut Dice) -> (String, String) {
        let consumer = dice.roll(3);
        let name = CONSUMERS[consumer];
        if dice.roll(2) == 0 {
            let id = self.some_id(dice);
            let is_there = self.entries.contains_key(&id);
            let found = self.pending.get_mut(&id).filter(|_| is_there);
            let reply = match found {
                Some(pending) => {
                    pending.0 = consumer;
                    format!("*1 ${}", text(id))
                }
                None => "*0".to_owned(),
            };
            if !is_there {
                self.pending.remove(&id);
            }
            return (format!("XCLAIM s g {name} 0 {} JUSTID", text(id)), reply);
        }
        let (start, most) = (self.some_id(dice), 1 + dice.roll(20));
        let mut ids = self.pending.range(start..).map(|(id, _)| *id);
        let looked_at: Vec<Id> = ids.by_ref().take(most).collect();
        let next = ids.next().unwrap_or((0, 0));
        let (there, gone): (Vec<Id>, Vec<Id>) =
            looked_at.into_iter().partition(|id| self.entries.contains_key(id));
        for id in &there {
            self.pending.get_mut(id).expect("it was found").0 = consumer;
        }
        self.pending.retain(|id, _| !gone.contains(id));
        let list = |ids: &[Id]| {
            let ids: Vec<String> = ids.iter().map(|id| format!(" ${}", text(*id))).collect();
            format!("*{}{}", ids.len(), ids.concat())
        };
        let line = format!("XAUTOCLAIM s g {name} 0 {} COUNT {most} JUSTID", text(start));
        (line, format!("*3 ${} {} {}", text(next), list(&there), list(&gone)))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn streams_are_what_a_map_says(seed in any::<u64>()) {
        let mut dice = Dice(seed);
        let mut stage = Stage::with_segments([1 << 17, 1 << 20][dice.roll(2)]);
        let mut model = Model::default();
        prop_assert_eq!(stage.run("XGROUP CREATE s g 0 MKSTREAM"), "+OK");
        for _ in 0..1_500 {
            let (line, reply) = model.step(&mut dice);
            prop_assert_eq!(stage.run(&line), reply, "{}", &line[..line.len().min(200)]);
        }
        let info = stage.run("XINFO STREAM s");
        let added = format!("$entries-added :{} ", model.added);
        prop_assert!(info.contains(&added), "{} in {}", added, &info[..info.len().min(400)]);
    }
}
