//! Owns CLIENT TRACKING and CLIENT TRACKINGINFO.

use super::super::client::Client;
use super::super::execute::Progress;
use super::asks::{After, Asker, FrontAsk};
use super::client::on_or_off;
use super::run::{Carried, syntax, wrong_arity};
use crate::node::{Io, NodeCore};
use crate::tracking::{NO_TARGET, Options, Target, Tracking};

const NO_BROADCAST: &str = "ERR CLIENT TRACKING with BCAST is not supported at a node that has no replica of some keys, and does not hear of their \
     changes; track without BCAST";

impl NodeCore {
    pub(super) fn client_tracking(
        &mut self,
        io: &mut Io,
        client: &mut Client,
        words: &[&[u8]],
    ) -> Carried {
        let [word, options @ ..] = words else { return Err(wrong_arity("client|tracking")) };
        let options = Options::parse(options)?;
        if !on_or_off(word).map_err(|_| syntax())? {
            self.set_tracking(client, None);
            return Ok(self.agree(client));
        }
        if options.is_broadcast && !self.may_broadcast() {
            return Err(NO_BROADCAST.to_owned());
        }
        let options = options.over(client.tracking.as_deref())?;
        let Some(number) = options.redirect else {
            self.begin_tracking_for(client, options, None);
            return Ok(Progress::Ran);
        };
        let asker = Asker { after: After::Track(Box::new(options)), ..Asker::default() };
        Ok(self.ask_all(io, client, &FrontAsk::Find(number), asker))
    }

    /// The client that another's invalidations are to go to was found, or was not.
    pub(super) fn begin_tracking(
        &mut self,
        client: &mut Client,
        options: Options,
        target: Option<Target>,
    ) {
        if target.is_none() {
            self.counters.errors += 1;
            return self.answer(client, |reply| reply.error(NO_TARGET));
        }
        self.begin_tracking_for(client, options, target);
    }

    fn begin_tracking_for(
        &mut self,
        client: &mut Client,
        options: Options,
        target: Option<Target>,
    ) {
        let tracking = Tracking { options, target, ..Tracking::default() };
        self.set_tracking(client, Some(tracking));
        self.agree(client);
    }

    pub(super) fn tracking_info(&mut self, client: &mut Client) {
        let words = client.tracking.as_ref().map_or_else(|| vec!["off"], |it| it.words());
        let prefixes =
            client.tracking.as_ref().map_or_else(Vec::new, |it| it.options.prefixes.clone());
        let number = redirection(client);
        self.answer(client, |reply| {
            reply.map(3);
            reply.bulk(b"flags");
            reply.set(words.len());
            words.iter().for_each(|word| reply.bulk(word.as_bytes()));
            reply.bulk(b"redirect");
            reply.integer(number);
            reply.bulk(b"prefixes");
            reply.array(prefixes.len());
            prefixes.iter().for_each(|prefix| reply.bulk(prefix));
        });
    }
}

/// Whom invalidations of a client go to, by number: 0 for itself, -1 when it has none.
pub(super) fn redirection(client: &Client) -> i64 {
    client.tracking.as_ref().map_or(-1, |tracking| {
        let number = tracking.target.map_or(0, |target| target.number);
        i64::try_from(number).unwrap_or(i64::MAX)
    })
}
