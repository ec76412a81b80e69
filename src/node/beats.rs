//! Owns beats between nodes: heartbeats of groups in which nothing goes on, all those for one node in one frame.

use hyperion_cluster::group::Beat;
use hyperion_engine::Said;
use hyperion_model::GroupId;
use hyperion_wire::limits::HEARTBEATS_MAX;
use hyperion_wire::peer::{Body, Heartbeat, HeartbeatAnswer, HeartbeatAnswers, Heartbeats};

use super::core::NodeCore;
use super::messages::Mail;

impl NodeCore {
    /// Queues what the groups of this core say in beats.
    pub(super) fn send_beats(&mut self) {
        let mut beats = std::mem::take(&mut self.beats);
        self.engine.take_beats(&mut beats);
        if let Some(peers) = &mut self.peers {
            beats.sort_unstable_by_key(|(node, said, beat)| (*node, *said, beat.group));
            for run in beats.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
                for part in run.chunks(HEARTBEATS_MAX) {
                    let (node, said, _) = part[0];
                    let beats = part.iter().map(|(_, _, beat)| beat);
                    peers.queue(node, |out| {
                        let written = match said {
                            Said::Beat => {
                                Heartbeats { heartbeats: beats.map(to_wire).collect() }.encode(out)
                            }
                            Said::Answer => {
                                HeartbeatAnswers { answers: beats.map(to_answer).collect() }
                                    .encode(out)
                            }
                        };
                        if let Err(error) = written {
                            tracing::error!("beats for node {node} do not fit: {error}");
                        }
                    });
                }
            }
        }
        beats.clear();
        self.beats = beats;
    }

    /// A peer's beats; what they tell of who leads is somebody else's.
    pub(super) fn take_heartbeats(&mut self, from: u32, told: &Heartbeats) {
        // Without a time of sending it only tells who leads.
        let beats = told.heartbeats.iter().filter(|it| it.stamp_ns != 0).map(|it| Beat {
            group: GroupId(it.group),
            term: it.term,
            commit: it.commit,
            stamp_ns: it.stamp_ns,
        });
        self.spread_beats(from, Said::Beat, beats);
    }

    /// A peer's answers to beats.
    pub(super) fn take_heartbeat_answers(&mut self, from: u32, told: &HeartbeatAnswers) {
        let answers = told.answers.iter().map(|it| Beat {
            group: GroupId(it.group),
            term: it.term,
            commit: it.commit,
            stamp_ns: it.stamp_ns,
        });
        self.spread_beats(from, Said::Answer, answers);
    }

    /// Gives beats to the cores that hold their groups.
    fn spread_beats(&mut self, from: u32, said: Said, beats: impl Iterator<Item = Beat>) {
        let mut for_others: Vec<Vec<Beat>> = Vec::new();
        for beat in beats {
            let core = self.core_of(beat.group);
            if core == self.index {
                self.engine.hear_beat(from, said, &beat);
            } else {
                for_others.resize_with(self.config.cores.len(), Vec::new);
                for_others[usize::from(core)].push(beat);
            }
        }
        for (core, beats) in for_others.into_iter().enumerate() {
            if !beats.is_empty() {
                self.links[core].backlog.push_back(Mail::Beats(from, said, beats));
            }
        }
    }

    /// Beats that came to another core.
    pub(super) fn hear_beats(&mut self, from: u32, said: Said, beats: &[Beat]) {
        for beat in beats {
            self.engine.hear_beat(from, said, beat);
        }
    }
}

fn to_wire(beat: &Beat) -> Heartbeat {
    let Beat { group, term, commit, stamp_ns } = *beat;
    Heartbeat { group: group.0, term, commit, stamp_ns }
}

fn to_answer(beat: &Beat) -> HeartbeatAnswer {
    let Beat { group, term, commit, stamp_ns } = *beat;
    HeartbeatAnswer { group: group.0, term, commit, stamp_ns }
}
