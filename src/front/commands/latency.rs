//! Owns LATENCY: what took long, put together over all cores.

use hyperion_model::ReplyWriter;

use super::super::client::Client;
use super::super::observe::{Event, Events, Sample};
use super::asks::{After, Asker, FrontAsk};
use super::run::{Carried, exactly, keyword, shown, unknown_subcommand};
use crate::node::{Counters, Io, LATENCY_EDGES_US, Latency, NodeCore};

const HELP: [&str; 17] = [
    "LATENCY <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DOCTOR",
    "    Return a human readable latency analysis report.",
    "GRAPH <event>",
    "    Return an ASCII latency graph for the <event> class.",
    "HISTORY <event>",
    "    Return time-latency samples for the <event> class.",
    "LATEST",
    "    Return the latest latency samples for all events.",
    "RESET [<event> ...]",
    "    Reset latency data of one or more <event> classes.",
    "    (default: reset all data for all event classes)",
    "HISTOGRAM [COMMAND ...]",
    "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
    "    If no commands are specified then all histograms are replied.",
    "HELP",
    "    Prints this help.",
];

/// Rows of a graph.
const ROWS: u64 = 4;
/// Columns of it: the newest times.
const COLUMNS: usize = 80;

/// What is wanted of the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Latest,
    History(String),
    Graph(String),
    Doctor,
}

impl NodeCore {
    pub(super) fn latency(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        arguments: &[&[u8]],
    ) -> Carried {
        let (subcommand, words) = (arguments[1], &arguments[2..]);
        let (ask, after) = match keyword(subcommand).as_str() {
            "latest" => {
                exactly(words, 0, "latency|latest")?;
                (FrontAsk::Events, After::Look(Look::Latest))
            }
            "history" => {
                exactly(words, 1, "latency|history")?;
                (FrontAsk::Events, After::Look(Look::History(keyword(words[0]))))
            }
            "graph" => {
                exactly(words, 1, "latency|graph")?;
                (FrontAsk::Events, After::Look(Look::Graph(shown(words[0]))))
            }
            "doctor" => {
                exactly(words, 0, "latency|doctor")?;
                (FrontAsk::Events, After::Look(Look::Doctor))
            }
            "reset" => {
                let names = words.iter().map(|word| keyword(word)).collect();
                (FrontAsk::ForgetEvents(names), After::Distinct)
            }
            "histogram" => {
                let names = words.iter().map(|word| keyword(word)).collect();
                (FrontAsk::ShowFigures, After::Histogram(names))
            }
            "help" => {
                exactly(words, 0, "latency|help")?;
                return Ok(self.help(client, &HELP));
            }
            _ => return Err(unknown_subcommand(subcommand, "LATENCY")),
        };
        Ok(self.ask_all(io, client, &ask, Asker { after, ..Asker::default() }))
    }

    /// Answers what was wanted of the events of all cores.
    pub(super) fn tell_events(
        &mut self,
        io: &Io,
        client: &mut Client,
        look: &Look,
        events: &Events,
    ) {
        let now_s = io.now_unix_ms() / 1_000;
        let threshold_ms = self.config.settings().observe.latency_threshold_ms;
        self.answer(client, |reply| match look {
            Look::Latest => latest(events, reply),
            Look::History(name) => history(events.get(name.as_str()), reply),
            Look::Graph(name) => match find_event(events, name) {
                Some((name, event)) => {
                    reply.verbatim("txt", graph(name, event, now_s).as_bytes());
                }
                None => reply.error(&format!("ERR No samples available for event '{name}'")),
            },
            Look::Doctor => reply.verbatim("txt", doctor(events, threshold_ms).as_bytes()),
        });
    }

    /// Answers the histogram of these commands, or of all that were called.
    pub(super) fn tell_histogram(&mut self, client: &mut Client, names: &[String]) {
        let cores = self.shared.board.read();
        // A command's name stands for its subcommands too.
        let is_wanted = |full_name: &str| {
            let command = full_name.split('|').next().unwrap_or_default();
            names.is_empty() || names.iter().any(|name| name == full_name || name == command)
        };
        let counted = Counters::by_name(&cores);
        let histograms: Vec<_> = counted
            .into_iter()
            .filter(|(name, counted)| counted.calls > 0 && is_wanted(name))
            .map(|(name, it)| (name, it.calls, buckets(&it.sampled, it.calls)))
            .collect();
        self.answer(client, |reply| {
            let integer = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
            reply.map(histograms.len());
            for (name, calls, buckets) in &histograms {
                reply.bulk(name.as_bytes());
                reply.map(2);
                reply.bulk(b"calls");
                reply.integer(integer(*calls));
                reply.bulk(b"histogram_usec");
                reply.map(buckets.len());
                for &(edge_us, count) in buckets {
                    reply.integer(integer(edge_us));
                    reply.integer(integer(count));
                }
            }
        });
    }
}

/// Calls that took so many microseconds at most, the timed ones taken for all; edges that add nothing are left out.
fn buckets(times: &Latency, calls: u64) -> Vec<(u64, u64)> {
    let mut found = Vec::new();
    let mut below = 0;
    let last_us = times.max_ns.div_ceil(1_000).max(1);
    for (at, &count) in times.counts.iter().enumerate() {
        below += count;
        if count > 0 {
            let edge_us = LATENCY_EDGES_US.get(at).copied().unwrap_or(last_us);
            let scaled = u128::from(below) * u128::from(calls) / u128::from(times.count);
            found.push((edge_us, u64::try_from(scaled).unwrap_or(calls)));
        }
    }
    found
}

fn find_event<'a>(events: &'a Events, name: &str) -> Option<(&'static str, &'a Event)> {
    events.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(name, event)| (*name, event))
}

fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn latest(events: &Events, reply: &mut dyn ReplyWriter) {
    reply.array(events.len());
    for (name, event) in events {
        let (at_s, took_ms) = event.samples.back().copied().unwrap_or_default();
        reply.array(4);
        reply.bulk(name.as_bytes());
        reply.integer(integer(at_s));
        reply.integer(integer(took_ms));
        reply.integer(integer(event.max_ms));
    }
}

fn history(event: Option<&Event>, reply: &mut dyn ReplyWriter) {
    let samples: Vec<Sample> =
        event.map(|event| event.samples.iter().copied().collect()).unwrap_or_default();
    reply.array(samples.len());
    for (at_s, took_ms) in samples {
        reply.array(2);
        reply.integer(integer(at_s));
        reply.integer(integer(took_ms));
    }
}

/// A column for each of the newest times, with its age below.
fn graph(name: &str, event: &Event, now_s: u64) -> String {
    let skipped = event.samples.len().saturating_sub(COLUMNS);
    let samples: Vec<(u64, u64)> = event.samples.iter().skip(skipped).copied().collect();
    let high = samples.iter().map(|(_, ms)| *ms).max().unwrap_or(0);
    let low = samples.iter().map(|(_, ms)| *ms).min().unwrap_or(0);
    let rule = "-".repeat(COLUMNS);
    let mut text = format!(
        "{name} - high {high} ms, low {low} ms (all time high {} ms)\n{rule}\n",
        event.max_ms
    );
    let height =
        |ms: u64| if high == low { ROWS } else { 1 + (ms - low) * (ROWS - 1) / (high - low) };
    for row in (1..=ROWS).rev() {
        text.extend(samples.iter().map(|(_, ms)| if height(*ms) >= row { '#' } else { ' ' }));
        text.push('\n');
    }
    let ages: Vec<String> =
        samples.iter().map(|(at_s, _)| age(now_s.saturating_sub(*at_s))).collect();
    let depth = ages.iter().map(String::len).max().unwrap_or(0);
    text.push('\n');
    for row in 0..depth {
        text.extend(ages.iter().map(|age| age.chars().nth(row).unwrap_or(' ')));
        text.push('\n');
    }
    text
}

/// A time that has gone by, in its largest unit.
fn age(seconds: u64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// What each kind of event hints at.
const ADVICE: [(&str, &str); 8] = [
    ("command", "SLOWLOG GET names the commands; those about many keys go over SCAN in steps."),
    (
        "fast-command",
        "Short commands waited for the processor: see the machine's load, or give the node cores of its own.",
    ),
    ("aof-write", "The kernel made writes to the log wait: the disk is busy, or too slow."),
    (
        "aof-fsync",
        "The disk takes long to sync; durability \"interval\" lets answers not wait for it.",
    ),
    (
        "cleaning",
        "The cleaner of the log has much to copy: memory is nearly full, give more of it.",
    ),
    ("expire-cycle", "Many keys expire at the same time: spread their times to live."),
    ("eviction-cycle", "Memory is full and keys go for others: give more of it."),
    ("turn", "A turn of a core took long; the log of the node says what it was busy with."),
];

fn doctor(events: &Events, threshold_ms: u32) -> String {
    if threshold_ms == 0 {
        return "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Hyperion instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in order to enable it.\n".to_owned();
    }
    if events.is_empty() {
        return "Dave, no latency spike was observed during the lifetime of this Hyperion instance, not in the slightest bit. I honestly think you ought to sit down calmly, take a stress pill, and think things over.\n".to_owned();
    }
    let mut text = "Dave, I have observed latency spikes in this Hyperion instance. You don't mind talking about it, do you Dave?\n\n".to_owned();
    for (number, (name, event)) in events.iter().enumerate() {
        let count = event.samples.len() as u64;
        let mean = event.samples.iter().map(|(_, ms)| ms).sum::<u64>() / count.max(1);
        text.push_str(&format!(
            "{}. {name}: {count} latency spikes (average {mean}ms). Worst all time event {}ms.\n",
            number + 1,
            event.max_ms
        ));
    }
    text.push_str("\nI have a few advices for you:\n\n");
    for (name, advice) in ADVICE.iter().filter(|(name, _)| events.contains_key(name)) {
        text.push_str(&format!("- {name}: {advice}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_histogram_counts_up_to_all_calls() {
        let mut times = Latency::default();
        for us in [1, 3, 3, 40] {
            times.add(Duration::from_micros(us));
        }
        assert_eq!(buckets(&times, 4), [(1, 1), (5, 3), (50, 4)]);
        assert_eq!(buckets(&times, 400).last(), Some(&(50, 400)));
        times.add(Duration::from_secs(2));
        assert_eq!(buckets(&times, 5).last(), Some(&(2_000_000, 5)));
        assert!(buckets(&Latency::default(), 3).is_empty());
    }

    #[test]
    fn a_graph_has_a_column_for_each_time() {
        let event = Event { samples: [(100, 10), (160, 40)].into(), max_ms: 90 };
        let text = graph("turn", &event, 170);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "turn - high 40 ms, low 10 ms (all time high 90 ms)");
        assert_eq!(lines[2..6], [" #", " #", " #", "##"]);
        assert_eq!(lines[7..], ["11", "m0", " s"]);
    }
}
