//! Owns what one core counts, as it is shown by INFO, `/status` and `/metrics`.

use std::collections::BTreeMap;
use std::time::Duration;

use hyperion_engine::command::{
    COMMANDS, CommandSpec, SUBCOMMANDS, find_subcommand, subcommands_of,
};
use hyperion_model::limits::DATABASES;
use hyperion_runtime::Stats;
use hyperion_store::StoreFigures;

use super::rates::Rate;
use super::upkeep::Upkeep;
use crate::peers::BulkFigures;
use crate::pubsub::PubsubFigures;
use crate::tracking::TrackingFigures;

/// Upper edges of the latency histogram, in microseconds.
pub(crate) const LATENCY_EDGES_US: [u64; 14] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 5_000, 10_000, 100_000, 1_000_000];

/// A histogram of times.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latency {
    /// Per edge, and one more for what is above the last.
    pub(crate) counts: [u64; LATENCY_EDGES_US.len() + 1],
    pub(crate) count: u64,
    pub(crate) sum_ns: u64,
    pub(crate) max_ns: u64,
}

impl Latency {
    pub(crate) fn add(&mut self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let at = LATENCY_EDGES_US.partition_point(|edge| edge * 1_000 < ns);
        self.counts[at] += 1;
        self.count += 1;
        self.sum_ns += ns;
        self.max_ns = self.max_ns.max(ns);
    }

    /// The time in microseconds that so many of a thousand calls did not pass, as far as the histogram tells.
    pub(crate) fn percentile_us(&self, per_mille: u64) -> f64 {
        let wanted = (self.count * per_mille).div_ceil(1_000).max(1);
        let mut below = 0;
        for (at, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= wanted {
                let edge_ns = LATENCY_EDGES_US.get(at).map_or(self.max_ns, |edge| edge * 1_000);
                return edge_ns.min(self.max_ns) as f64 / 1_000.0;
            }
        }
        0.0
    }

    pub(crate) fn join(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(count, more)| *count += more);
        self.count += other.count;
        self.sum_ns += other.sum_ns;
        self.max_ns = self.max_ns.max(other.max_ns);
    }
}

/// What is counted of one command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) calls: u64,
    pub(crate) rejected: u64,
    pub(crate) failed: u64,
    pub(crate) sampled: Latency,
}

impl Counted {
    pub(crate) fn join(&mut self, other: &Self) {
        self.calls += other.calls;
        self.rejected += other.rejected;
        self.failed += other.failed;
        self.sampled.join(&other.sampled);
    }
}

/// What a core counts itself. CONFIG RESETSTAT sets it to zero.
#[derive(Clone, Debug)]
pub(crate) struct Counters {
    /// By the command's place in the table.
    pub(crate) commands: Vec<u64>,
    /// Times of one in 64 commands, by the command's place in the table.
    pub(crate) sampled: Vec<Latency>,
    pub(crate) errors: u64,
    /// By the word that an error line begins with.
    pub(crate) errors_by_code: BTreeMap<String, u64>,
    /// Commands that were refused before they ran, and that ended with an error, by their place in the table.
    pub(crate) rejected: Vec<u64>,
    pub(crate) failed: Vec<u64>,
    /// The same of subcommands, by their place in their table; their command counts them too.
    pub(crate) subcommands: Vec<Counted>,
    /// Refusals by what was wrong: the password, the command, a key, a channel.
    pub(crate) denied: [u64; 4],
    pub(crate) protocol_errors: u64,
    pub(crate) hops: u64,
    pub(crate) forwarded: u64,
    pub(crate) connections_refused: u64,
    /// Clients that were closed because more waited for them than `limits.output_bytes`.
    pub(crate) closed_unread: u64,
    pub(crate) connections: u64,
    pub(crate) syncs: Latency,
    pub(crate) writes: Latency,
    pub(crate) bytes_logged: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            commands: vec![0; COMMANDS.len()],
            sampled: vec![Latency::default(); COMMANDS.len()],
            errors: 0,
            errors_by_code: BTreeMap::new(),
            rejected: vec![0; COMMANDS.len()],
            failed: vec![0; COMMANDS.len()],
            subcommands: vec![Counted::default(); SUBCOMMANDS.len()],
            denied: [0; 4],
            protocol_errors: 0,
            hops: 0,
            forwarded: 0,
            connections_refused: 0,
            closed_unread: 0,
            connections: 0,
            syncs: Latency::default(),
            writes: Latency::default(),
            bytes_logged: 0,
        }
    }
}

impl Counters {
    /// Counts something of the subcommand that a line names, if it names one.
    #[inline]
    pub(crate) fn of_subcommand(
        &mut self,
        spec: &CommandSpec,
        arguments: &[&[u8]],
        count: impl FnOnce(&mut Counted),
    ) {
        if !subcommands_of(spec).is_empty()
            && let Some(at) = arguments.get(1).and_then(|word| find_subcommand(spec, word))
        {
            count(&mut self.subcommands[at]);
        }
    }

    /// What was counted of each command, and of subcommands in place of theirs, on all of these cores; those that were never heard of are
    /// left out.
    pub(crate) fn by_name(cores: &[CoreFigures]) -> Vec<(&'static str, Counted)> {
        let mut found = Vec::new();
        let mut add = |name, of: &dyn Fn(&Self) -> Counted| {
            let mut sum = Counted::default();
            cores.iter().for_each(|core| sum.join(&of(&core.counters)));
            if sum.calls + sum.rejected > 0 {
                found.push((name, sum));
            }
        };
        for spec in &COMMANDS {
            if subcommands_of(spec).is_empty() {
                add(spec.name, &|core| core.of_command(spec.index()));
            }
            for at in subcommands_of(spec) {
                add(SUBCOMMANDS[at].full_name, &|core| core.subcommands[at].clone());
            }
        }
        found
    }

    fn of_command(&self, at: usize) -> Counted {
        Counted {
            calls: self.commands[at],
            rejected: self.rejected[at],
            failed: self.failed[at],
            sampled: self.sampled[at].clone(),
        }
    }

    /// Counts a command that ended with an error line, here without its minus.
    #[cold]
    pub(crate) fn failed_with(&mut self, spec: &CommandSpec, arguments: &[&[u8]], line: &[u8]) {
        self.error(line);
        self.failed[spec.index()] += 1;
        self.of_subcommand(spec, arguments, |it| it.failed += 1);
    }

    /// Counts an error line, without its minus.
    #[cold]
    pub(crate) fn error(&mut self, line: &[u8]) {
        self.errors += 1;
        let code =
            line.iter().take(ERROR_CODE_BYTES_MAX).take_while(|byte| byte.is_ascii_graphic());
        let code: String = code.map(|&byte| char::from(byte)).collect();
        if self.errors_by_code.len() < ERROR_CODES_MAX || self.errors_by_code.contains_key(&code) {
            *self.errors_by_code.entry(code).or_default() += 1;
        }
    }
}

/// Kinds of errors that are counted by their code, and the longest code.
const ERROR_CODES_MAX: usize = 128;
const ERROR_CODE_BYTES_MAX: usize = 32;

/// Counts of others when CONFIG RESETSTAT was last called: they are shown from there on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Baseline {
    pub(crate) store: StoreFigures,
    pub(crate) runtime: Stats,
}

impl Baseline {
    /// Takes away what was there before.
    pub(crate) fn apply(&self, store: &mut StoreFigures, runtime: &mut Stats) {
        store.expired -= self.store.expired;
        store.evicted -= self.store.evicted;
        store.values_freed -= self.store.values_freed;
        runtime.bytes_in -= self.runtime.bytes_in;
        runtime.bytes_out -= self.runtime.bytes_out;
        runtime.receives -= self.runtime.receives;
        runtime.sends -= self.runtime.sends;
    }
}

/// What one core shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct CoreFigures {
    pub(crate) counters: Counters,
    pub(crate) store: StoreFigures,
    pub(crate) runtime: Stats,
    /// What this core may use of the node's memory.
    pub(crate) memory_bytes: u64,
    pub(crate) clients: u64,
    /// Commands that wait for keys of the core.
    pub(crate) blocked: u64,
    /// Parts of commands that the core keeps for clients of other nodes, or of this one as if they were.
    pub(crate) kept: u64,
    pub(crate) input_bytes: u64,
    /// Keys of each database, those that expire, and the milliseconds that these have on average.
    pub(crate) databases: [(u64, u64, u64); DATABASES as usize],
    /// What it does beside commands.
    pub(crate) upkeep: Upkeep,
    pub(crate) ring_level: String,
    /// How snapshots go to other nodes.
    pub(crate) bulk: Vec<BulkFigures>,
    /// Why writes are refused, if they are.
    pub(crate) no_segments: Option<String>,
    /// Records written since the start.
    pub(crate) changes: u64,
    /// What is done in a second.
    pub(crate) rate: Rate,
    /// What it says about channels.
    pub(crate) pubsub: PubsubFigures,
    /// What it remembers of readers.
    pub(crate) tracking: TrackingFigures,
    /// When this was taken, Unix ms.
    pub(crate) at_ms: u64,
}
