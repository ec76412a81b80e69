//! Owns configs that are in force here and whose askers wait a moment more, so that they hear who else goes by them.

use std::time::{Duration, Instant};

use super::changer::{Asker, Changer};
use super::outcome::answer_asker;
use crate::config::Accepted;

/// How long the others may take to say that a config is in force there, and how often that is looked at.
const ACK_TIME: Duration = Duration::from_millis(500);
const ACK_LOOK: Duration = Duration::from_millis(10);

/// A config in force, and who waits for the answer.
pub(super) struct Acking {
    asker: Asker,
    accepted: Accepted,
    since: Instant,
}

impl Changer {
    /// Answers who asked for a config that is in force, when all nodes that are reached say so of themselves, or after a moment.
    pub(super) fn answer_acked(&mut self, asker: Asker, accepted: Accepted) {
        // A command is answered at once: its answer names nobody.
        if matches!(asker, Asker::Reply(_)) {
            return answer_asker(asker, Ok(accepted), &self.view);
        }
        self.acking.push(Acking { asker, accepted, since: Instant::now() });
    }

    /// Answers those whose time has come.
    pub(super) fn answer_all_acked(&mut self) {
        if self.acking.is_empty() {
            return;
        }
        let known = (self.view.cluster)();
        let is_due = |it: &mut Acking| {
            let epoch = it.accepted.config.epoch;
            let is_acked = known.as_ref().is_none_or(|known| known.is_acked_by_reached(epoch));
            is_acked || it.since.elapsed() > ACK_TIME
        };
        for it in self.acking.extract_if(.., is_due) {
            answer_asker(it.asker, Ok(it.accepted), &self.view);
        }
    }

    /// How long to wait for the next job at most.
    pub(super) fn look_time(&self, otherwise: Duration) -> Duration {
        if self.acking.is_empty() { otherwise } else { ACK_LOOK }
    }
}
