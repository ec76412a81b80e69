//! Owns MEMORY but for USAGE, which runs where the key is.

use super::super::client::Client;
use super::super::execute::Progress;
use super::asks::{After, Asker, FrontAsk};
use super::info_sections::human;
use super::process::Process;
use super::run::{Carried, exactly, keyword, unknown_subcommand};
use crate::config::NODE_BYTES;
use crate::node::{CoreFigures, Io, NodeCore};

const HELP: [&str; 14] = [
    "MEMORY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return memory problems reports.",
    "MALLOC-STATS",
    "    Return internal statistics report from the memory allocator.",
    "PURGE",
    "    Attempt to purge dirty pages for reclamation by the allocator.",
    "STATS",
    "    Return information about the memory usage of the server.",
    "USAGE <key> [SAMPLES <count>]",
    "    Return memory in bytes used by <key> and its value. Nothing is sampled:",
    "    the record, its share of the index and what lies on the heap are counted.",
    "HELP",
    "    Prints this help.",
];

/// From this part of the limit on, in percent, MEMORY DOCTOR says that memory runs short.
const SHORT_PERCENT: u64 = 90;

impl NodeCore {
    pub(super) fn memory_command(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        arguments: &[&[u8]],
    ) -> Carried {
        let (subcommand, words) = (arguments[1], &arguments[2..]);
        let after = match keyword(subcommand).as_str() {
            "stats" => {
                exactly(words, 0, "memory|stats")?;
                After::MemoryStats
            }
            "doctor" => {
                exactly(words, 0, "memory|doctor")?;
                After::MemoryDoctor
            }
            "malloc-stats" => {
                exactly(words, 0, "memory|malloc-stats")?;
                let text = "The data lies in segments that the node maps itself; MEMORY STATS and INFO memory tell of them. The rest is mimalloc's, which keeps no statistics in this build.";
                self.answer(client, |reply| reply.verbatim("txt", text.as_bytes()));
                return Ok(Progress::Ran);
            }
            // Segments that are not needed go back by themselves.
            "purge" => {
                exactly(words, 0, "memory|purge")?;
                return Ok(self.agree(client));
            }
            "help" => {
                exactly(words, 0, "memory|help")?;
                return Ok(self.help(client, &HELP));
            }
            _ => return Err(unknown_subcommand(subcommand, "MEMORY")),
        };
        Ok(self.ask_all(io, client, &FrontAsk::ShowFigures, Asker { after, ..Asker::default() }))
    }

    /// Answers MEMORY STATS from what the cores have shown.
    pub(super) fn tell_memory_stats(&mut self, client: &mut Client) {
        let cores = self.shared.board.read();
        let sum = |of: fn(&CoreFigures) -> u64| -> u64 { cores.iter().map(of).sum() };
        let used = NODE_BYTES + sum(|core| core.store.used_bytes);
        let peak = (NODE_BYTES + self.shared.board.used_peak()).max(used);
        let resident = Process::read().resident_bytes;
        let keys = sum(|core| core.store.keys);
        let live = sum(|core| core.store.live_bytes);
        let overhead =
            sum(|core| core.store.index_bytes + core.store.filter_bytes + core.store.object_bytes);
        let integer = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let databases = cores.first().map_or(0, |core| core.databases.len());
        let used_databases: Vec<usize> = (0..databases)
            .filter(|&number| cores.iter().any(|core| core.databases[number].0 > 0))
            .collect();
        let numbers = [
            ("peak.allocated", peak),
            ("total.allocated", used),
            ("startup.allocated", NODE_BYTES),
            ("replication.backlog", 0),
            ("clients.slaves", 0),
            ("clients.normal", sum(|core| core.input_bytes)),
            ("cluster.links", 0),
            ("aof.buffer", 0),
            ("lua.caches", 0),
            ("functions.caches", 0),
            ("overhead.total", overhead),
            ("keys.count", keys),
            ("keys.bytes-per-key", (used - NODE_BYTES).checked_div(keys).unwrap_or(0)),
            ("dataset.bytes", live),
            ("hyperion.records.held", sum(|core| core.store.held_bytes)),
            ("hyperion.indexes", sum(|core| core.store.index_bytes)),
            ("hyperion.objects.heap", sum(|core| core.store.object_bytes)),
            ("rss.bytes", resident),
        ];
        let doubles = [
            ("dataset.percentage", 100.0 * ratio(live, used)),
            ("peak.percentage", 100.0 * ratio(used, peak)),
            ("fragmentation", ratio(resident, used)),
        ];
        self.answer(client, |reply| {
            reply.map(numbers.len() + doubles.len() + used_databases.len());
            for (name, value) in numbers {
                reply.bulk(name.as_bytes());
                reply.integer(integer(value));
            }
            for (name, value) in doubles {
                reply.bulk(name.as_bytes());
                reply.double(value);
            }
            for number in &used_databases {
                // Keys and their times to live lie in the same records.
                reply.bulk(format!("db.{number}").as_bytes());
                reply.map(2);
                reply.bulk(b"overhead.hashtable.main");
                reply.integer(0);
                reply.bulk(b"overhead.hashtable.expires");
                reply.integer(0);
            }
        });
    }

    /// Answers MEMORY DOCTOR from what the cores have shown.
    pub(super) fn tell_memory_doctor(&mut self, client: &mut Client) {
        let cores = self.shared.board.read();
        let used: u64 = cores.iter().map(|core| core.store.used_bytes).sum();
        let max = self.config.memory_bytes_max;
        let full = cores.iter().find_map(|core| core.no_segments.clone());
        let text = if let Some(why) = full {
            format!("Sam, writes are refused: {why}.\n")
        } else if used >= max / 100 * SHORT_PERCENT {
            format!(
                "Sam, the data takes {} of the {} that it may take: give more by CONFIG SET maxmemory, or let keys go by CONFIG SET maxmemory-policy.\n",
                human(used),
                human(max)
            )
        } else {
            "Hi Sam, I can't find any memory issue in your instance. I can only account for what occurs on this base.\n".to_owned()
        };
        self.answer(client, |reply| reply.verbatim("txt", text.as_bytes()));
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
