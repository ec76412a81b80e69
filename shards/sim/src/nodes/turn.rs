//! Owns one turn of a core: the clock is read, what has come is taken, the groups work, the batch goes to the disk, answers leave.

use super::commands::Told;
use super::core::{Frame, Item, Mail, Place};
use super::world::{Event, World};
use super::{MS, Violation, Wrong};
use crate::disk::DeviceError;
use crate::random::mix;
use crate::replies::words_of;
use hyperion_engine::{Effect, Leader, Outcome};
use hyperion_model::PartitionId;

/// Rounds of writing and settling in one turn.
const ROUNDS: usize = 4;
/// The groups want to be looked at so often.
const TICK_NS: u64 = 10 * MS;

impl World {
    pub(super) fn turn(&mut self, at: Place) -> Result<(), Violation> {
        let now_ns = self.now_ns;
        let node = &mut self.nodes[at.node];
        let paused_ns = node.paused_ns;
        let Some(core) = node.cores.get_mut(at.core) else { return Ok(()) };
        // Another turn may have come between.
        if core.turn_ns != Some(now_ns) {
            return Ok(());
        }
        core.turn_ns = None;
        if paused_ns > now_ns {
            self.wake(at, paused_ns);
            return Ok(());
        }
        let took_ns = if self.is_busy && self.random.chance(self.weather.stall_parts) {
            self.random.below(900 * MS)
        } else {
            10_000 + self.random.below(MS / 5)
        };
        let items = if self.random.chance(100) { 1 + self.random.index(6) } else { usize::MAX };
        self.out_ns = now_ns + took_ns;
        self.note(&[now_ns, at.node as u64, at.core as u64]);
        self.begin_turn(at);
        for _ in 0..items {
            let core = &mut self.nodes[at.node].cores[at.core];
            core.busy_ns = now_ns + took_ns;
            let Some(item) = core.inbox.pop_front() else { break };
            if self.take(at, item)?.is_err() {
                return self.device_failed(at);
            }
        }
        let core = &mut self.nodes[at.node].cores[at.core];
        if now_ns >= core.tick_ns {
            core.tick_ns = now_ns + TICK_NS;
            core.engine.tick_groups();
            if self.settings.members {
                self.tick_members(at)?;
            }
            if self.settings.expires {
                self.sweep(at);
            }
            self.retry_held(at)?;
        }
        if self.end_turn(at)?.is_err() {
            return self.device_failed(at);
        }
        let core = &self.nodes[at.node].cores[at.core];
        let goes_on = core.engine.has_open_batch() && !core.files.direct.is_under_way()
            || core.engine.has_snapshot_work()
            || core.is_unfinished
            || !core.inbox.is_empty();
        let tick_ns = core.tick_ns;
        let next_ns = if goes_on { self.out_ns + self.random.below(MS / 2) } else { tick_ns };
        self.wake(at, next_ns);
        Ok(())
    }

    /// The disk failed: the node stops. What the system had taken may be lost, unless nothing was promised to survive that.
    fn device_failed(&mut self, at: Place) -> Result<(), Violation> {
        let loses_power = self.is_durable();
        self.crash(at.node, loses_power);
        let after_ns = 5 * MS + self.random.below(800 * MS);
        self.push(self.now_ns + after_ns, Event::Start(at.node));
        Ok(())
    }

    fn begin_turn(&mut self, at: Place) {
        let now_ns = self.now_ns;
        let node = &mut self.nodes[at.node];
        let (unix_ms, boot_ns) = (node.clock.unix_ms(now_ns), node.clock.boot_ns(now_ns));
        let engine = &mut node.cores[at.core].engine;
        engine.begin_turn(unix_ms);
        engine.begin_groups(boot_ns);
        engine.go_on_with_units();
    }

    fn take(&mut self, at: Place, item: Item) -> Result<Result<(), DeviceError>, Violation> {
        match item {
            Item::Frame(from, frame) => self.take_frame(at, from, frame)?,
            Item::Request(command) => self.take_command(at, command)?,
            Item::Mail(from, mail) => self.take_mail(at, from, mail)?,
            Item::Propose(number, config) => self.propose(at, None, number, config),
            Item::Gone(attempt) => {
                let core = &mut self.nodes[at.node].cores[at.core];
                core.held.retain(|command| command.attempt != attempt);
            }
            Item::Synced => return Ok(self.synced(at)),
            Item::Lost { node, is_bulk } => {
                let engine = &mut self.nodes[at.node].cores[at.core].engine;
                if is_bulk { engine.bulk_lost(node) } else { engine.peer_lost(node) }
            }
        }
        Ok(Ok(()))
    }

    fn take_mail(&mut self, at: Place, from: usize, mail: Mail) -> Result<(), Violation> {
        match mail {
            Mail::Command(command) => self.run_command(at, command)?,
            Mail::Told(attempt, told) => self.tell(at, attempt, told),
            Mail::Raft(messages) => {
                messages
                    .into_iter()
                    .try_for_each(|(group, message)| self.step(at, group, *message))?;
            }
            Mail::Beats(from, said, beats) => self.hear_beats(at, from, said, &beats),
            Mail::Snapshot(mail) => {
                self.nodes[at.node].cores[at.core].engine.snapshot_mail(mail);
            }
            Mail::Leader(partition, leader) => {
                let core = &mut self.nodes[at.node].cores[at.core];
                core.leaders[usize::from(partition.0)] = leader;
                core.engine.set_leader(partition, leader);
            }
            Mail::Cluster(state) => self.follow_cluster(at, &state),
            Mail::Reports(reports) => self.hear_reports(at, &reports),
            Mail::Hosted(partition, is_here) => self.note_hosted(at, partition, is_here),
            Mail::Propose(from, number, config) => self.propose(at, Some(from), number, config),
            Mail::Engine(mail) => {
                let from = hyperion_model::CoreId(u16::try_from(from).expect("cores are few"));
                self.nodes[at.node].cores[at.core].engine.mail(from, mail);
            }
        }
        Ok(())
    }

    /// Looks for what has expired: while things go wrong now and then, so that commands meet it first.
    fn sweep(&mut self, at: Place) {
        if self.is_busy && !mix(self.now_ns).is_multiple_of(64) {
            return;
        }
        let engine = &mut self.nodes[at.node].cores[at.core].engine;
        engine.store_mut().sweep(16, 8);
        engine.bury_expired();
        engine.sweep_fields();
    }

    fn end_turn(&mut self, at: Place) -> Result<Result<(), DeviceError>, Violation> {
        if std::mem::take(&mut self.nodes[at.node].cores[at.core].is_unfinished) {
            self.retry_held(at)?;
        }
        self.clean(at);
        self.drive(at);
        for round in 0..=ROUNDS {
            if let Err(error) = self.write_batch(at) {
                return Ok(Err(error));
            }
            self.drive(at);
            self.nodes[at.node].cores[at.core].engine.settle();
            self.carry_out(at)?;
            let core = &mut self.nodes[at.node].cores[at.core];
            if core.engine.take_unlocked() && round < ROUNDS {
                self.retry_held(at)?;
            } else if !core.engine.has_open_batch() || core.files.direct.is_under_way() {
                break;
            }
        }
        self.begin_sync(at);
        self.release(at);
        self.supply(at)?;
        Ok(Ok(()))
    }

    fn carry_out(&mut self, at: Place) -> Result<(), Violation> {
        let mut effects = Vec::new();
        self.nodes[at.node].cores[at.core].engine.take_effects(&mut effects);
        for effect in effects {
            match effect {
                Effect::Mail { to, mail } => self.post(at, usize::from(to.0), Mail::Engine(mail)),
                Effect::Leader { partition, leader } => self.leader_news(at, partition, leader)?,
                Effect::CloseFrom { position } => self.close_from(at, position),
                Effect::Hosted { partition, is_here } => {
                    self.hosted_changed(at, partition, is_here);
                }
                Effect::Stop { why } => return Err(why),
                Effect::Cluster { state } => self.cluster_changed(at, &state)?,
                Effect::Told { .. } => {
                    return Err("nobody has asked for a command in slices".into());
                }
                Effect::Finished { ticket, answer } => {
                    let told = Told::Words(words_of(answer, 0));
                    self.tell(at, ticket.0, told);
                }
                Effect::Unknown { ticket } => self.tell(at, ticket.0, Told::Closed),
                Effect::Span { to, mail } => self.send(at, to, false, Frame::Span(mail)),
            }
        }
        Ok(())
    }

    /// Somebody else leads a partition of this core: all cores are told.
    pub(super) fn leader_news(
        &mut self,
        at: Place,
        partition: PartitionId,
        leader: Leader,
    ) -> Result<(), Violation> {
        let node = &mut self.nodes[at.node];
        let core = &mut node.cores[at.core];
        core.leaders[usize::from(partition.0)] = leader;
        if core.engine.is_elsewhere(partition) {
            core.engine.set_leader(partition, leader);
        }
        let led = core.engine.led_terms();
        let (id, cores) = (node.id, node.cores.len());
        self.say(|_| {
            format!("node {id}: {leader:?} leads partition {}; leads {led:?}", partition.0)
        });
        if leader == Leader::Own {
            self.report.elections += 1;
            self.terms.note(id, &led)?;
            self.led_anew(&led);
        }
        for other in (0..cores).filter(|&other| other != at.core) {
            self.post(at, other, Mail::Leader(partition, leader));
        }
        Ok(())
    }

    /// What this position and later ones hold may never take effect: who waits for it hears so by the end of the connection.
    fn close_from(&mut self, at: Place, position: u64) {
        let core = &mut self.nodes[at.node].cores[at.core];
        let lost: Vec<_> = core.ready.extract_if(.., |ready| ready.observed > position).collect();
        for ready in lost {
            self.say(|_| format!("node {}: answer of try {} is lost", at.node + 1, ready.attempt));
            self.answer(at, ready.home, ready.attempt, Told::Closed);
        }
    }

    /// Lets the answers leave whose observations the log has released.
    fn release(&mut self, at: Place) {
        let core = &mut self.nodes[at.node].cores[at.core];
        let released = match self.settings.wrong {
            Wrong::AnswersBeforeQuorum => core.engine.store().written_position(),
            _ => core.engine.released_position(),
        };
        let due: Vec<_> = core.ready.extract_if(.., |ready| ready.observed <= released).collect();
        for ready in due {
            self.answer(at, ready.home, ready.attempt, ready.told);
        }
    }

    pub(super) fn retry_held(&mut self, at: Place) -> Result<(), Violation> {
        let held = std::mem::take(&mut self.nodes[at.node].cores[at.core].held);
        held.into_iter().try_for_each(|command| self.run_command(at, command))
    }

    /// Whether a command must be tried again.
    pub(super) fn must_wait(&mut self, at: Place, outcome: Outcome) -> bool {
        let core = &mut self.nodes[at.node].cores[at.core];
        core.is_unfinished |= outcome == Outcome::Unfinished;
        matches!(outcome, Outcome::Locked | Outcome::NoRoom | Outcome::Unfinished)
    }
}
