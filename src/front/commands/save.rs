//! Owns BGSAVE and LASTSAVE.

use super::super::client::Client;
use super::super::execute::Progress;
use super::run::{Carried, is_word, syntax};
use crate::node::NodeCore;
use crate::snapshot::StartRefused;

impl NodeCore {
    /// `BGSAVE [SCHEDULE]`: there is nothing that a snapshot would have to wait for, so both begin it.
    pub(super) fn bgsave(&mut self, client: &mut Client, arguments: &[&[u8]]) -> Carried {
        match &arguments[1..] {
            [] => {}
            [word] if is_word(word, "schedule") => {}
            _ => return Err(syntax()),
        }
        match self.shared.snapshots.begin() {
            Ok(_) => {
                self.answer(client, |reply| reply.simple("Background saving started"));
                Ok(Progress::Ran)
            }
            // Monitoring tools know this sentence.
            Err(StartRefused::Running(_)) => {
                Err("ERR Background save already in progress".to_owned())
            }
            Err(refused) => Err(format!("ERR {refused}")),
        }
    }

    pub(super) fn lastsave(&mut self, client: &mut Client) -> Progress {
        let seconds = self.shared.snapshots.facts().last_save_s;
        self.answer(client, |reply| reply.integer(i64::try_from(seconds).unwrap_or(i64::MAX)));
        Progress::Ran
    }
}
