//! Owns what a transaction does once its keys are locked and known.

use super::bench::{Bench, Copies, Halt, Target};
use super::scratch::too_much;
use super::{Unit, WatchedKey, Work};
use crate::command::{CommandError, CommandSpec, Run, Spread};
use crate::effect::{Answer, Want, Wanted};
use crate::engine::Engine;
use crate::events::of_spread;
use crate::limits::COLLECT_BYTES_MAX;
use crate::lock::LockKey;
use crate::transaction::{Shape, Verdict};
use hyperion_model::{DatabaseId, EventClass};
use hyperion_store::Lookups;

/// What it does.
#[derive(Debug)]
pub(crate) enum Plan {
    /// One of the commands whose answer follows from what was found.
    Shape(Shape),
    /// Commands, on copies.
    Unit(Unit),
    /// Work, on copies.
    Work(Box<dyn Work>),
    /// Nothing: the keys are watched from now on.
    Watch,
}

/// What came of a plan.
pub(crate) enum Judged {
    /// This is to be done.
    Verdict(Verdict),
    /// Nothing: it begins anew with these keys too.
    More(Vec<LockKey>),
}

impl Plan {
    /// The plan of a command whose keys lie apart, and its keys, each once, in order.
    pub(crate) fn of(
        spec: &'static CommandSpec,
        database: DatabaseId,
        arguments: Vec<Vec<u8>>,
    ) -> Result<(Self, Vec<LockKey>), CommandError> {
        let Run::Keys { spread, .. } = spec.run else { return Err(CommandError::OverCores) };
        if spread == Spread::Collect {
            let unit = Unit::single(spec, database, arguments);
            let keys = unit.keys();
            return Ok((Self::Unit(unit), keys));
        }
        let (shape, keys) = Shape::new(spread, database, arguments)?;
        Ok((Self::Shape(shape), keys))
    }

    pub(crate) fn want(&self) -> Want {
        match self {
            Self::Shape(shape) => shape.want(),
            Self::Unit(_) | Self::Work(_) => Want::Whole,
            Self::Watch => Want::Watch,
        }
    }

    pub(crate) fn may_write(&self) -> bool {
        match self {
            Self::Shape(shape) => shape.may_write(),
            Self::Unit(unit) => unit.may_write(),
            Self::Work(work) => work.may_write(),
            Self::Watch => false,
        }
    }

    /// Whether it is refused when memory is full.
    pub(crate) fn may_grow(&self) -> bool {
        match self {
            Self::Shape(shape) => shape.may_write() && shape.want() != Want::Presence,
            Self::Unit(unit) => unit.may_grow(),
            Self::Work(_) | Self::Watch => false,
        }
    }
}

impl Engine {
    /// Works out what is to be done, all keys locked. `found` and `versions` are by key; versions are told where a key is watched.
    pub(crate) fn judge_plan(
        &mut self,
        plan: &mut Plan,
        keys: &[LockKey],
        found: &mut [Option<Wanted>],
        versions: &[u64],
        attend: &mut dyn FnMut(),
    ) -> Judged {
        let read_only =
            |answer| Judged::Verdict(Verdict { writes: Vec::new(), answer, events: Vec::new() });
        let version_of = |at: usize| versions.get(at).copied().unwrap_or(0);
        if !plan.may_write() && !matches!(plan, Plan::Watch) {
            let hits = found.iter().filter(|found| found.is_some()).count() as u64;
            let Lookups { hits: before, misses } = self.store.lookups();
            let more = found.len() as u64 - hits;
            self.store.set_lookups(Lookups { hits: before + hits, misses: misses + more });
        }
        match plan {
            Plan::Shape(shape) => {
                // Of MSET nobody asks what is there.
                let hears = |class| self.events.wants(class);
                let asks = (hears(EventClass::New) || hears(EventClass::KeyMiss))
                    && shape.want() != Want::Nothing;
                let looked_for = keys.iter().zip(found.iter());
                let absent = looked_for.filter(|(_, found)| asks && found.is_none());
                let absent: Vec<LockKey> = absent.map(|(key, _)| key.clone()).collect();
                let mut verdict = shape.decide(keys, found);
                if self.events.is_listening() {
                    let wants = |class| self.events.wants(class);
                    verdict.events = of_spread(shape.spread(), (&verdict.writes, &absent), wants);
                }
                Judged::Verdict(verdict)
            }
            Plan::Watch => {
                let watched = keys.iter().enumerate().map(|(at, (database, key))| WatchedKey {
                    database: *database,
                    key: key.clone(),
                    version: version_of(at),
                });
                read_only(Answer::Watched(watched.collect()))
            }
            Plan::Unit(unit) => {
                let stands = |it: &WatchedKey| {
                    let key = (it.database, it.key.clone());
                    keys.binary_search(&key).is_ok_and(|at| version_of(at) == it.version)
                };
                if !unit.watched.iter().all(stands) {
                    return read_only(Answer::Unit { replies: None, observed: 0 });
                }
                let may_write = unit.may_write();
                self.work_on(keys, found, may_write, |bench| unit.run(bench))
            }
            Plan::Work(work) => {
                let may_write = work.may_write();
                self.work_on(keys, found, may_write, |bench| work.run(bench, attend))
            }
        }
    }

    /// Brings copies to the bench, lets `run` work on them, and says what was changed.
    fn work_on(
        &mut self,
        keys: &[LockKey],
        found: &mut [Option<Wanted>],
        may_write: bool,
        run: impl FnOnce(&mut Bench<'_>) -> Result<Answer, Halt>,
    ) -> Judged {
        let refused = |error| {
            let answer = Answer::Error(error);
            Judged::Verdict(Verdict { writes: Vec::new(), answer, events: Vec::new() })
        };
        let bytes: usize = found.iter().flatten().map(|wanted| wanted.value.bytes.len()).sum();
        if bytes > COLLECT_BYTES_MAX {
            return refused(too_many_bytes());
        }
        let (seed, random) = (self.draw(), self.draw());
        let mut scratch = std::mem::take(&mut self.bench);
        scratch.open(self.store.segment_bytes(), self.store.now_ms(), seed);
        let value_bytes_max = self.settings().value_bytes_max;
        let thresholds = self.settings().thresholds;
        let events = &mut self.events;
        let worked = scratch.fill(keys, found).map_err(Halt::Refused).and_then(|versions| {
            let mut bench = Bench(Target::Copies(Copies {
                scratch: &mut scratch,
                keys,
                value_bytes_max,
                thresholds,
                events,
                random,
                transactions: 0,
                words: &mut Vec::new(),
            }));
            let answer = run(&mut bench)?;
            let writes = if may_write { scratch.changes(keys, &versions) } else { Vec::new() };
            Ok(Verdict { writes, answer, events: Vec::new() })
        });
        scratch.close();
        self.bench = scratch;
        let noted = self.events.take_open();
        match worked {
            Ok(verdict) => Judged::Verdict(Verdict { events: noted, ..verdict }),
            Err(Halt::Missing(more)) => Judged::More(more),
            Err(Halt::Refused(error)) => refused(error),
            Err(Halt::NoRoom) => refused(too_much()),
        }
    }
}

/// What a client is told whose keys hold more than is brought to one core.
pub(crate) fn too_many_bytes() -> String {
    format!(
        "ERR the values of this command's keys have more than {COLLECT_BYTES_MAX} bytes, which is what is brought together for a transaction, a script or keys on several cores; keys with one hash tag, as in {{tag}}key, need that in a cluster alone, and commands of one key never"
    )
}
