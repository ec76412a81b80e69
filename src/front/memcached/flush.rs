//! Owns `flush_all`: the database is emptied at once, or at a time that the node keeps, one of all clients together.

use std::sync::atomic::Ordering;

use hyperion_engine::command::find;

use super::super::client::Client;
use super::super::execute::Progress;
use crate::node::{Io, NodeCore};

/// Delays above are Unix times, as those of values.
const RELATIVE_SECONDS_MAX: u64 = 60 * 60 * 24 * 30;

impl NodeCore {
    /// `flush_all`: what was to be emptied later is empty now.
    pub(super) fn empty(&mut self, io: &mut Io, client: &mut Client) -> Progress {
        let progress = self.run_line(io, client, find(b"flushdb"), None, &[b"flushdb"]);
        if progress == Progress::Ran {
            self.shared.flush_at_ms.store(0, Ordering::Relaxed);
        }
        progress
    }

    /// `flush_all seconds`: all that is there when they are over goes. It takes the place of one that was to come.
    pub(super) fn empty_later(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        seconds: &[u8],
    ) -> Progress {
        let seconds = std::str::from_utf8(seconds).ok().and_then(|text| text.parse::<i64>().ok());
        let Some(seconds) = seconds else {
            return self.say(client, "CLIENT_ERROR invalid exptime argument");
        };
        let now_ms = io.now_unix_ms();
        let at_ms = match u64::try_from(seconds) {
            Err(_) | Ok(0) => 0,
            Ok(seconds @ ..=RELATIVE_SECONDS_MAX) => now_ms + seconds * 1000,
            Ok(seconds) => seconds.saturating_mul(1000),
        };
        if at_ms <= now_ms {
            return self.empty(io, client);
        }
        // Whether the client may do so is asked now: nobody could be told later.
        let spec = find(b"flushdb");
        if let Some(spec) = spec
            && !client.session.is_free
            && let Some(refusal) = self.refusal(io, client, spec, &[b"flushdb"])
        {
            self.answer(client, |reply| reply.error(&refusal));
            return Progress::Ran;
        }
        self.shared.flush_at_ms.store(at_ms, Ordering::Relaxed);
        self.say(client, "OK")
    }

    /// Empties the database when it is time; the first core looks, ten times a second. What nobody serves at the moment, or what is paused,
    /// is emptied later.
    pub(crate) fn empty_when_due(&mut self, io: &Io) {
        let at_ms = self.shared.flush_at_ms.load(Ordering::Relaxed);
        let is_due = self.index == 0 && at_ms > 0 && at_ms <= io.now_unix_ms();
        let must_wait = self.is_unsettled || self.observer.is_paused || self.growing.is_some();
        if is_due && !must_wait && self.empty_for_nobody(io, self.databases.kept(0)) {
            // Another time may have been told meanwhile.
            let shared = &self.shared.flush_at_ms;
            let _ = shared.compare_exchange(at_ms, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}
