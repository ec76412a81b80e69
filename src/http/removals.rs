//! Owns removals of nodes that wait for the end of what an earlier change moves: a node that has just joined may be given its share first.

use std::time::{Duration, Instant};

use super::changer::{Asker, Changer};
use super::limits::CHANGES_WAITING_MAX;
use super::members;

/// How long a removal waits for its turn; below the time that an answer may take.
const WAIT_TIME: Duration = Duration::from_secs(20);

/// A node that is to leave.
pub(super) struct Removal {
    /// Which, and how.
    pub(super) body: Vec<u8>,
    /// Who is answered.
    pub(super) request: tiny_http::Request,
    pub(super) came: Instant,
}

impl Changer {
    /// Lets a node leave, now or when its turn comes.
    pub(super) fn remove(&mut self, removal: Removal) {
        match members::removal(&removal.body, (self.view.cluster)()) {
            Ok(config) => {
                let checked = self.keeper().check(config.to_text().as_bytes());
                self.ask_cluster(checked, Asker::Http(removal.request), Instant::now());
            }
            Err(stays)
                if stays.is_for_now
                    && removal.came.elapsed() < WAIT_TIME
                    && self.removals.len() < CHANGES_WAITING_MAX =>
            {
                self.removals.push(removal);
            }
            // The client may have gone; it finds the outcome with GET /config.
            Err(stays) => drop(removal.request.respond(stays.answer.into_response())),
        }
    }

    /// Looks whether the turn of one that waits has come.
    pub(super) fn remove_again(&mut self) {
        std::mem::take(&mut self.removals).into_iter().for_each(|removal| self.remove(removal));
    }
}
