//! Owns what nodes tell each other: frames out and in, connections that are made, break and are missed.

use super::core::{Frame, Item, Mail, Messages, Place};
use super::world::{Event, World};
use super::{Lean, MS, Violation};
use crate::network::{LinkId, Standing};
use hyperion_cluster::group::{Beat, GroupError, Message, MessageType};
use hyperion_engine::{ANNOUNCED, Mail as EngineMail, Outgoing, Said, SnapshotMail, SnapshotStep};
use hyperion_model::GroupId;

/// How long a connection may let nothing through until it is given up: twice the silence after which a peer is asked.
const SILENCE_NS: u64 = 2_000 * MS;
/// The first wait before a peer is dialed again, and the longest.
const BACK_OFF_NS: (u64, u64) = (50 * MS, 1_000 * MS);

impl World {
    // ---- out

    /// Lets a core's groups work, and sends what they say.
    pub(super) fn drive(&mut self, at: Place) {
        let engine = &mut self.nodes[at.node].cores[at.core].engine;
        engine.drive_groups();
        let (mut outgoing, mut snapshots) = (Vec::new(), Vec::new());
        engine.take_messages(&mut outgoing);
        engine.take_snapshots(&mut snapshots);
        if self.settings.lean == Lean::Elections {
            self.crash_voters(at, &outgoing);
        }
        if self.settings.lean == Lean::Moves {
            self.disturb_moves(at);
        }
        outgoing.sort_by_key(|message| message.to);
        let mut frames: Vec<(u32, Messages)> = Vec::new();
        for Outgoing { to, group, message } in outgoing {
            match frames.last_mut() {
                Some((last, messages)) if *last == to => messages.push((group, message)),
                _ => frames.push((to, vec![(group, message)])),
            }
        }
        for (to, messages) in frames {
            self.send(at, to, false, Frame::Raft(messages));
        }
        let mut beats = Vec::new();
        self.nodes[at.node].cores[at.core].engine.take_beats(&mut beats);
        beats.sort_by_key(|(to, said, beat)| (*to, *said, beat.group));
        for run in beats.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
            let frame = Frame::Beats(run[0].1, run.iter().map(|(_, _, beat)| *beat).collect());
            self.send(at, run[0].0, false, frame);
        }
        for SnapshotMail { node, group, transfer, step } in snapshots {
            let is_bulk = matches!(
                step,
                SnapshotStep::Begin(_) | SnapshotStep::Part(..) | SnapshotStep::End(_)
            );
            self.report.snapshots += u64::from(matches!(step, SnapshotStep::End(_)));
            self.send(at, node, is_bulk, Frame::Snapshot(group, transfer, step));
        }
    }

    pub(super) fn send(&mut self, at: Place, to: u32, is_bulk: bool, frame: Frame) {
        let core = u16::try_from(at.core).expect("cores are few");
        let id = LinkId { from: self.nodes[at.node].id, core, to, is_bulk };
        let at_ns = self.out_ns + self.weather.pace.draw(&mut self.random);
        let again = match &frame {
            Frame::Raft(messages) if self.random.chance(self.weather.doubled_parts) => {
                Some(Frame::Raft(messages.clone()))
            }
            _ => None,
        };
        for frame in std::iter::once(frame).chain(again) {
            let link = self.network.link(id);
            let Some(at_ns) = link.send(frame, at_ns) else { continue };
            let number = link.number();
            self.push(at_ns, Event::Frame(id, number));
        }
    }

    /// A node that has just given its vote may crash, and be back before the election is over.
    fn crash_voters(&mut self, at: Place, outgoing: &[Outgoing]) {
        let votes = |one: &Outgoing| {
            one.message.get_msg_type() == MessageType::MsgRequestVoteResponse && !one.message.reject
        };
        if self.is_busy && outgoing.iter().any(votes) && self.random.chance(300) {
            let after_ns = self.random.below(3 * MS);
            self.push(self.out_ns + after_ns, Event::Kill(at.node));
            let after_ns = 4 * MS + self.random.below(20 * MS);
            self.push(self.out_ns + after_ns, Event::Start(at.node));
        }
    }

    // ---- in

    pub(super) fn frame_arrives(&mut self, id: LinkId, number: u64) {
        let link = self.network.link(id);
        let Standing::Up(core) = link.standing() else { return };
        if link.number() != number {
            return;
        }
        let Some(frame) = self.network.arrive(id, self.now_ns) else { return };
        let at = Place { node: place_of(id.to), core: usize::from(core) };
        self.come(at, Item::Frame(id.from, frame));
    }

    /// A core takes a frame; what is about another core's groups goes there.
    pub(super) fn take_frame(
        &mut self,
        at: Place,
        from: u32,
        frame: Frame,
    ) -> Result<(), Violation> {
        if self.is_stranger(at.node, from)
            && !matches!(frame, Frame::Ask | Frame::Agreed(_) | Frame::Propose(ANNOUNCED, _))
        {
            // It may know a newer config: it is asked on its own connection.
            let asked = Place { node: place_of(from), core: 0 };
            self.asked(asked, self.nodes[at.node].id);
            return Ok(());
        }
        match frame {
            Frame::Span(mail) => {
                let core = usize::from(mail.core(&self.map).0);
                if core == at.core {
                    self.nodes[at.node].cores[at.core].engine.span_mail(from, *mail);
                } else {
                    self.post(at, core, Mail::Engine(EngineMail::Span { from, mail }));
                }
            }
            Frame::Snapshot(group, transfer, step) => {
                let mail = SnapshotMail { node: from, group, transfer, step };
                let core = self.core_of_group(at.node, group);
                if core == at.core {
                    self.nodes[at.node].cores[at.core].engine.snapshot_mail(mail);
                } else {
                    self.post(at, core, Mail::Snapshot(mail));
                }
            }
            Frame::Raft(messages) => {
                let cores = usize::from(self.nodes[at.node].core_count);
                let mut for_others: Vec<Messages> = vec![Vec::new(); cores];
                for (group, message) in messages {
                    let core = self.core_of_group(at.node, group);
                    if core == at.core {
                        self.step(at, group, *message)?;
                    } else {
                        for_others[core].push((group, message));
                    }
                }
                for (core, messages) in for_others.into_iter().enumerate() {
                    if !messages.is_empty() {
                        self.post(at, core, Mail::Raft(messages));
                    }
                }
            }
            Frame::Beats(said, beats) => {
                let cores = usize::from(self.nodes[at.node].core_count);
                let mut by_core: Vec<Vec<Beat>> = vec![Vec::new(); cores];
                for beat in beats {
                    by_core[self.core_of_group(at.node, beat.group)].push(beat);
                }
                for (core, beats) in by_core.into_iter().enumerate() {
                    if core == at.core {
                        self.hear_beats(at, from, said, &beats);
                    } else if !beats.is_empty() {
                        self.post(at, core, Mail::Beats(from, said, beats));
                    }
                }
            }
            Frame::Leaders(led) => self.hear_leaders(at, from, &led)?,
            Frame::Reports(reports) => self.spread_reports(at, &reports),
            Frame::Propose(number, config) if at.core == 0 => {
                self.propose(at, Some(from), number, config);
            }
            Frame::Propose(number, config) => {
                self.post(at, 0, Mail::Propose(from, number, config));
            }
            Frame::Ask => self.asked(at, from),
            Frame::Agreed(state) => self.told_agreed(at, state)?,
        }
        Ok(())
    }

    pub(super) fn hear_beats(&mut self, at: Place, from: u32, said: Said, beats: &[Beat]) {
        for beat in beats {
            let note = [said as u64, u64::from(from), beat.term, beat.commit, beat.stamp_ns];
            self.note(&note);
            self.nodes[at.node].cores[at.core].engine.hear_beat(from, said, beat);
            self.report.beats += u64::from(said == Said::Answer);
        }
    }

    pub(super) fn step(
        &mut self,
        at: Place,
        group: GroupId,
        message: Message,
    ) -> Result<(), Violation> {
        let kind = message.get_msg_type() as u64;
        self.note(&[kind, message.from, message.term, message.index, u64::from(group.0)]);
        let node = &mut self.nodes[at.node];
        match node.cores[at.core].engine.step(group, message) {
            Err(error @ (GroupError::Malformed { .. } | GroupError::Overtaken { .. })) => {
                Err(format!("node {} refuses a message about {group:?}: {error}", node.id))
            }
            _ => Ok(()),
        }
    }

    fn core_of_group(&self, node: usize, group: GroupId) -> usize {
        group.partition().map_or(0, |partition| self.core_of(node, partition))
    }

    // ---- connections

    /// A node that has started makes its connections.
    pub(super) fn dial_all(&mut self, node: usize) {
        if self.settings.members {
            self.nodes[node].member.peers.clear();
            return self.follow_peers(node);
        }
        let from = self.nodes[node].id;
        for to in (1..=u32::from(self.settings.nodes)).filter(|&to| to != from) {
            for core in 0..self.settings.cores {
                for is_bulk in [false, true] {
                    let id = LinkId { from, core, to, is_bulk };
                    self.network.link(id).close();
                    let after_ns = MS + self.random.below(5 * MS);
                    self.push(self.now_ns + after_ns, Event::Dial(id));
                }
            }
        }
    }

    pub(super) fn dial(&mut self, id: LinkId) {
        let (from, to) = (place_of(id.from), place_of(id.to));
        let now_ns = self.now_ns;
        if self.network.link(id).standing() != Standing::Down || !self.nodes[from].is_up() {
            return;
        }
        if self.settings.members && !self.nodes[from].member.peers.contains(&id.to) {
            return;
        }
        let shakes = |node: usize| self.nodes[node].is_up() && self.nodes[node].paused_ns <= now_ns;
        let meets = shakes(from) && shakes(to) && self.network.joins(id.from, id.to);
        let is_refused = meets && self.settings.members && self.refuses(to, from);
        if is_refused {
            self.told_removed(from, id.to);
        }
        if meets && !is_refused {
            let core = self.random.below(u64::from(self.nodes[to].core_count));
            self.network.link(id).open(u16::try_from(core).expect("cores are few"));
        } else {
            let (least, most) = BACK_OFF_NS;
            let most = if self.is_busy { most } else { 4 * least };
            let after_ns = least + self.random.below(most - least);
            self.push(now_ns + after_ns, Event::Dial(id));
        }
    }

    /// A connection breaks. A part of what was under way may arrive late, even behind what comes over the next one.
    pub(super) fn break_link(&mut self, id: LinkId, noticed_ns: u64) {
        let link = self.network.link(id);
        let (number, standing) = (link.number(), link.standing());
        let Standing::Up(core) = standing else { return };
        let at = Place { node: place_of(id.to), core: usize::from(core) };
        let frames = link.cut();
        let arrive = if frames.is_empty() { 0 } else { self.random.index(frames.len() + 1) };
        let held_ns = if self.random.chance(300) { self.random.below(500 * MS) } else { 0 };
        let life = self.nodes[at.node].life;
        let passes = self.network.passes(id.from, id.to);
        for (at_ns, frame) in frames.into_iter().take(arrive).filter(|_| passes) {
            self.push(at_ns + held_ns, Event::Stale { at, life, from: id.from, frame });
        }
        self.push(noticed_ns, Event::Noticed(id, number));
    }

    /// A node has ended: its connections are gone, and so are those of others to it.
    pub(super) fn break_all(&mut self, node: usize, is_silent: bool) {
        let id = self.nodes[node].id;
        for link in self.network.names(|link| link.from == id || link.to == id) {
            let joins = self.network.joins(link.from, link.to);
            let after_ns = if is_silent || !joins {
                self.random.below(SILENCE_NS)
            } else {
                self.random.below(5 * MS)
            };
            self.break_link(link, self.now_ns + after_ns);
        }
    }

    /// The node that made a connection hears that it is gone.
    pub(super) fn notice(&mut self, id: LinkId, number: u64) {
        let link = self.network.link(id);
        if link.number() != number || link.standing() != Standing::Broken {
            return;
        }
        link.close();
        let at = Place { node: place_of(id.from), core: usize::from(id.core) };
        self.come(at, Item::Lost { node: id.to, is_bulk: id.is_bulk });
        self.push(self.now_ns + BACK_OFF_NS.0, Event::Dial(id));
    }

    /// A connection on which nothing comes back is given up.
    pub(super) fn silent(&mut self, id: LinkId, number: u64) {
        let to = place_of(id.to);
        let stands = self.nodes[to].paused_ns > self.now_ns || !self.network.joins(id.from, id.to);
        if self.network.link(id).number() == number && stands {
            self.break_link(id, self.now_ns);
        }
    }

    /// Something stands still: connections that it concerns are given up if it lasts.
    pub(super) fn await_silence(&mut self, is_meant: impl Fn(&LinkId) -> bool) {
        for id in self.network.names(is_meant) {
            let number = self.network.link(id).number();
            self.push(self.now_ns + SILENCE_NS, Event::Silent(id, number));
        }
    }

    /// All directions are open again, and what waited arrives.
    pub(super) fn heal(&mut self) {
        self.say(|_| "all passes".to_owned());
        for id in self.network.heal() {
            let (number, frames) = (self.network.link(id).number(), self.network.link(id).len());
            for _ in 0..frames {
                let after_ns = self.random.below(2 * MS);
                self.push(self.now_ns + after_ns, Event::Frame(id, number));
            }
            // What was not due yet has an event of its own, or gets one of those that are too early.
        }
    }
}

/// The place of a node among all, by its id.
pub(super) fn place_of(id: u32) -> usize {
    id as usize - 1
}
