//! Owns when a command is timed, and what is noted of one that took long, and who watches.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyperion_engine::command::{COMMANDS, CommandSpec, Flags, SUBCOMMANDS, find_subcommand};
use hyperion_model::DatabaseId;
use hyperion_runtime::ConnectionId;

use super::super::batch::CommandHead;
use super::super::client::Client;
use super::latency::Latencies;
use super::limits::WATCHER_BYTES_MAX;
use super::pause::Pause;
use super::refusals::Refusals;
use super::slow::{Slow, SlowLog};
use super::told::{shortened, told};
use super::watch::{Shown, Watch};
use crate::config::Settings;
use crate::node::{Io, Mail, NodeCore};

/// One in so many commands is timed whatever it is.
const SAMPLE: u64 = 64;
/// Words from which on a command is timed whatever it is.
const WORDS_MANY: usize = 32;
/// Where less than this counts as slow, every command is timed.
const ALL_TIMED_BELOW: Duration = Duration::from_millis(1);

/// All that one core notes.
#[derive(Debug)]
pub(crate) struct Observer {
    /// Commands and passwords that were refused.
    pub(crate) refusals: Refusals,
    pub(crate) slow: SlowLog,
    pub(crate) latencies: Latencies,
    pub(crate) watch: Watch,
    pub(crate) pause: Pause,
    /// A pause may hold: looked at closely then.
    pub(crate) is_paused: bool,
    /// DEBUG SET-ACTIVE-EXPIRE 0: expired keys go when somebody looks.
    pub(crate) keeps_expired: bool,
    /// Commands that are always timed, by their place in the table: those that can take long by themselves.
    timed: Vec<bool>,
    /// Time from which on a command is noted as slow.
    slow_from: Option<Duration>,
    /// The shorter of that and of what LATENCY notes.
    pub(crate) note_from: Duration,
}

impl Default for Observer {
    fn default() -> Self {
        let mut observer = Self {
            refusals: Refusals::default(),
            slow: SlowLog::default(),
            latencies: Latencies::default(),
            watch: Watch::default(),
            pause: Pause::default(),
            is_paused: false,
            keeps_expired: false,
            timed: Vec::new(),
            slow_from: None,
            note_from: Duration::MAX,
        };
        observer.apply(&Settings::default());
        observer
    }
}

/// Whether a command takes the same time whatever it finds.
fn is_quick(spec: &CommandSpec) -> bool {
    spec.flags.has(Flags::FAST) || spec.complexity.starts_with("O(1)")
}

/// The command and subcommand that a line begins with, `|` between them.
pub(crate) fn full_name(spec: &CommandSpec, arguments: &[&[u8]]) -> &'static str {
    let sub = arguments.get(1).and_then(|word| find_subcommand(spec, word));
    sub.map_or(spec.name, |at| SUBCOMMANDS[at].full_name)
}

fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// Whether those who watch see the command.
fn is_shown(spec: &CommandSpec, arguments: &[&[u8]]) -> bool {
    let sub = arguments.get(1).and_then(|word| find_subcommand(spec, word));
    let flags = sub.map_or(spec.flags, |at| SUBCOMMANDS[at].flags);
    !flags.has(Flags::ADMIN) && !flags.has(Flags::SKIP_MONITOR)
}

impl Observer {
    /// Takes the settings.
    pub(crate) fn apply(&mut self, settings: &Settings) {
        let observe = &settings.observe;
        self.slow_from = observe.slowlog_slower_than_us.map(Duration::from_micros);
        let threshold_ms = u64::from(observe.latency_threshold_ms);
        let threshold = (threshold_ms > 0).then(|| Duration::from_millis(threshold_ms));
        self.latencies.set_threshold(threshold);
        let shortest = [self.slow_from, threshold].into_iter().flatten().min();
        self.note_from = shortest.unwrap_or(Duration::MAX);
        let all = self.note_from < ALL_TIMED_BELOW;
        self.timed = COMMANDS.iter().map(|spec| all || !is_quick(spec)).collect();
        self.slow.shorten(observe.slowlog_len_max as usize);
    }
}

impl NodeCore {
    /// The clock, when the command is one to be timed.
    #[inline]
    pub(crate) fn time_command(&self, spec: &CommandSpec, words: usize) -> Option<Instant> {
        let index = spec.index();
        let is_timed = self.commands_run.is_multiple_of(SAMPLE)
            || self.observer.timed[index]
            || self.counters.commands[index] < SAMPLE
            || words > WORDS_MANY;
        is_timed.then(Instant::now)
    }

    /// Counts the time of a command that was timed; gives it when it is to be noted.
    #[inline]
    pub(crate) fn took(
        &mut self,
        spec: &CommandSpec,
        arguments: &[&[u8]],
        since: Instant,
    ) -> Option<Duration> {
        let took = since.elapsed();
        self.turn.ran(spec.name, took);
        self.counters.sampled[spec.index()].add(took);
        self.counters.of_subcommand(spec, arguments, |it| it.sampled.add(took));
        (took >= self.observer.note_from).then_some(took)
    }

    /// Notes a command that took long, for LATENCY, and gives what SLOWLOG keeps of it, if it is slow by that too.
    #[cold]
    pub(crate) fn slow_command(
        &mut self,
        now_ms: u64,
        spec: &CommandSpec,
        arguments: &[&[u8]],
        took: Duration,
    ) -> Option<Slow> {
        let event = if spec.flags.has(Flags::FAST) { "fast-command" } else { "command" };
        self.observer.latencies.note(event, took, now_ms);
        if self.observer.slow_from.is_none_or(|from| took < from)
            || spec.flags.has(Flags::SKIP_SLOWLOG)
        {
            return None;
        }
        Some(Slow {
            id: self.shared.slow_commands.fetch_add(1, Ordering::Relaxed),
            at_s: now_ms / 1_000,
            took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            words: shortened(&told(spec, arguments)),
            peer: String::new(),
            name: String::new(),
        })
    }

    /// Notes a command of a client of this core that took long.
    #[cold]
    pub(crate) fn note_slow(
        &mut self,
        io: &Io,
        client: &Client,
        spec: &CommandSpec,
        arguments: &[&[u8]],
        took: Duration,
    ) {
        if let Some(mut slow) = self.slow_command(io.now_unix_ms(), spec, arguments, took) {
            slow.peer = io.peer(client.connection).to_owned();
            slow.name.clone_from(&client.session.name);
            self.keep_slow(slow);
        }
    }

    /// As that, of a command that has waited and is served by what another wrote: the time of its last run.
    #[cold]
    pub(crate) fn note_served(
        &mut self,
        client: &Client,
        spec: &CommandSpec,
        arguments: &[&[u8]],
        took: Duration,
    ) {
        let now_ms = self.engine.store().now_ms();
        if let Some(mut slow) = self.slow_command(now_ms, spec, arguments, took) {
            slow.name.clone_from(&client.session.name);
            self.keep_slow(slow);
        }
    }

    /// Notes a command of another core's or node's client that took long: the core of the client knows who that is.
    #[cold]
    pub(crate) fn note_slow_for(
        &mut self,
        from: u16,
        head: CommandHead,
        arguments: &[&[u8]],
        took: Duration,
    ) {
        let CommandHead { connection, spec, is_small, .. } = head;
        let now_ms = self.engine.store().now_ms();
        let name = if is_small { spec.name.to_owned() } else { spec.name.to_ascii_uppercase() };
        let rest = arguments.iter().skip(1).copied();
        let words: Vec<&[u8]> = std::iter::once(name.as_bytes()).chain(rest).collect();
        let Some(slow) = self.slow_command(now_ms, spec, &words, took) else { return };
        match self.links.get_mut(usize::from(from)).filter(|link| link.has_room()) {
            Some(link) => link.backlog.push_back(Mail::Slow(connection, slow)),
            None => self.keep_slow(slow),
        }
    }

    pub(crate) fn keep_slow(&mut self, slow: Slow) {
        let max = self.config.settings().observe.slowlog_len_max as usize;
        self.observer.slow.note(slow, max);
    }

    /// Another core ran a command for a client of this one, and it took long.
    pub(crate) fn slow_elsewhere(&mut self, io: &Io, connection: ConnectionId, mut slow: Slow) {
        if let Some(client) = self.clients.get(connection) {
            slow.name.clone_from(&client.session.name);
            slow.peer = io.peer(connection).to_owned();
        }
        self.keep_slow(slow);
    }

    /// Shows a command to those who watch.
    #[cold]
    pub(crate) fn show_command(
        &mut self,
        io: &Io,
        client: &Client,
        spec: &CommandSpec,
        arguments: &[&[u8]],
    ) {
        if is_shown(spec, arguments) {
            self.show_line(io, client, spec, arguments);
        }
    }

    /// Shows a command to those who watch, whatever its flags: one that runs a script is shown before what that calls.
    pub(crate) fn show_line(
        &mut self,
        io: &Io,
        client: &Client,
        spec: &CommandSpec,
        arguments: &[&[u8]],
    ) {
        let words = told(spec, arguments);
        let peer = io.peer(client.connection);
        let number = self.databases.number(client.session.database);
        self.observer.watch.add(now_us(), number, peer, &words);
    }

    /// A command of a transaction, for those who watch.
    pub(crate) fn show_queued(
        &mut self,
        io: &Io,
        client: &Client,
        spec: &CommandSpec,
        database: DatabaseId,
        arguments: &[&[u8]],
    ) {
        if is_shown(spec, arguments) {
            let peer = io.peer(client.connection);
            let number = self.databases.number(database);
            self.observer.watch.add(now_us(), number, peer, &told(spec, arguments));
        }
    }

    /// A call of a script, for those who watch.
    pub(crate) fn show_script_call(
        &mut self,
        database: DatabaseId,
        spec: &CommandSpec,
        arguments: &[&[u8]],
    ) {
        if is_shown(spec, arguments) {
            let number = self.databases.number(database);
            self.observer.watch.add(now_us(), number, "lua", &told(spec, arguments));
        }
    }

    /// At the end of a turn: what it has for those who watch goes to them.
    pub(crate) fn send_shown(&mut self, io: &mut Io) {
        let Some(shown) = self.observer.watch.take() else { return };
        let cores: Vec<usize> = self.observer.watch.cores().collect();
        for core in cores {
            if core == usize::from(self.index) {
                self.take_shown(io, &shown);
                continue;
            }
            let link = &mut self.links[core];
            let shown = if link.has_room() {
                shown.clone()
            } else {
                Shown { lines: Vec::new(), is_torn: true }
            };
            link.backlog.push_back(Mail::Shown(shown));
        }
    }

    /// Lines for those who watch here; one who does not keep up is closed.
    pub(crate) fn take_shown(&mut self, io: &mut Io, shown: &Shown) {
        let released = self.engine.released_position();
        for connection in self.observer.watch.own.clone() {
            let Some(client) = self.clients.get(connection) else { continue };
            if shown.is_torn || client.output.len() > WATCHER_BYTES_MAX {
                io.close(connection);
                continue;
            }
            if client.output.is_in_order() {
                client.output.buffer().extend_from_slice(&shown.lines);
                client.output.mark(0, released);
            }
            if !client.is_dirty {
                client.is_dirty = true;
                self.dirty.push(connection);
            }
        }
    }

    /// A client watches no more: it has gone, or has said so.
    pub(crate) fn stop_watching(&mut self, connection: ConnectionId) {
        let own = &mut self.observer.watch.own;
        let Some(at) = own.iter().position(|it| *it == connection) else { return };
        own.swap_remove(at);
        let index = usize::from(self.index);
        self.observer.watch.count(index, false);
        for (core, link) in self.links.iter_mut().enumerate() {
            if core != index {
                link.backlog.push_back(Mail::Unwatched);
            }
        }
    }
}
