//! Owns the comparison of both sides after an import.

use hyperion_wire::reply::Reply;

use super::content::{reader, sum};
use super::copy::scan;
use super::error::ImportError;
use super::limits::{NAMED_MAX, WINDOW_KEYS};
use super::link::Link;

/// Keys whose values are on their way at once, from both sides.
const READ_KEYS: usize = WINDOW_KEYS / 4;

/// What both sides have.
#[derive(Debug, Default)]
pub(super) struct Compared {
    keys: u64,
    every: u64,
    /// Sums over all keys, of the source and of the target.
    sums: [u128; 2],
    differing: u64,
    named: Vec<String>,
    /// Keys of types that cannot be read.
    unread: u64,
}

/// Reads one of `every` keys of the source on both sides.
pub(super) fn compare(
    source: &mut Link,
    target: &mut Link,
    every: u64,
) -> Result<Compared, ImportError> {
    let mut compared = Compared { every, ..Compared::default() };
    let (mut cursor, mut seen) = (0, 0_u64);
    loop {
        let (next, mut keys) = scan(source, cursor)?;
        keys.retain(|_| {
            seen += 1;
            (seen - 1).is_multiple_of(every)
        });
        for window in keys.chunks(READ_KEYS) {
            compared.compare_window(source, target, window)?;
        }
        cursor = next;
        if cursor == 0 {
            return Ok(compared);
        }
    }
}

impl Compared {
    fn compare_window(
        &mut self,
        source: &mut Link,
        target: &mut Link,
        keys: &[Vec<u8>],
    ) -> Result<(), ImportError> {
        let mut types = [Vec::new(), Vec::new()];
        for link in [&mut *source, &mut *target] {
            keys.iter().for_each(|key| link.ask(&[b"TYPE", key]));
            link.send()?;
        }
        for _ in keys {
            for (link, types) in [&mut *source, &mut *target].into_iter().zip(&mut types) {
                let Reply::Simple(name) = link.answer("TYPE")? else {
                    return Err(link.refused("TYPE", b"the answer is none of TYPE"));
                };
                types.push(name);
            }
        }
        let [source_types, target_types] = types;
        let mut asked = Vec::new();
        for (key, (ours, theirs)) in keys.iter().zip(source_types.iter().zip(&target_types)) {
            if ours == b"none" {
                continue;
            }
            if ours != theirs {
                self.differs(key);
                continue;
            }
            let Some(words) = reader(ours, key) else {
                self.unread += 1;
                continue;
            };
            source.ask(&words);
            target.ask(&words);
            asked.push((key, ours));
        }
        source.send()?;
        target.send()?;
        for (key, value_type) in asked {
            let [ours, theirs] = [source.any_answer()?, target.any_answer()?]
                .map(|answer| sum(key, value_type, &answer));
            // Gone meanwhile.
            let Some(ours) = ours else { continue };
            self.keys += 1;
            self.sums[0] = self.sums[0].wrapping_add(ours);
            self.sums[1] = self.sums[1].wrapping_add(theirs.unwrap_or_default());
            if Some(ours) != theirs {
                self.differs(key);
            }
        }
        Ok(())
    }

    fn differs(&mut self, key: &[u8]) {
        self.differing += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push(key.escape_ascii().to_string());
        }
    }

    pub(super) fn sentence(&self) -> String {
        let which = match self.every {
            1 => "all".to_owned(),
            every => format!("one key in {every}"),
        };
        let unread = match self.unread {
            0 => String::new(),
            unread => format!("; {unread} keys of other types were not compared"),
        };
        let [ours, theirs] = self.sums;
        format!(
            "compared {} keys ({which}): source {ours:032x}, target {theirs:032x}{unread}\n",
            self.keys
        )
    }

    pub(super) fn complaint(&self) -> Option<String> {
        (self.differing > 0).then(|| {
            format!(
                "{} keys differ, among them {}; if the source was written to meanwhile, run the same command again",
                self.differing,
                self.named.join(", ")
            )
        })
    }
}
