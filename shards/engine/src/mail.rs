//! Owns what cores tell each other, as it comes and goes: steps of transactions, questions and their parts.

use crate::command::{self, CommandError, Part};
use crate::effect::{Answer, Effect, Mail, Ticket};
use crate::engine::Engine;
use crate::events::Change;
use crate::transaction::{Then, Until};
use hyperion_model::CoreId;
use hyperion_store::StoreError;

impl Engine {
    /// Takes mail from another core.
    pub fn mail(&mut self, from: CoreId, mail: Mail) {
        self.take_mail(from, mail);
        self.settle();
    }

    pub(crate) fn take_mail(&mut self, from: CoreId, mail: Mail) {
        match mail {
            Mail::Transaction(step) => self.transaction_mail(from, step),
            // A flush must not come between the prepared changes of a transaction and their taking effect.
            Mail::Ask { gather: command::Gather::Flush, .. }
                if !self.locks.is_empty() || !self.sliced.is_empty() =>
            {
                self.locks.hold_back();
                self.flushes.push_back((from, mail));
            }
            // Where partitions are replicated, what is written takes effect once a majority has it; who asks about all keys wants it counted.
            Mail::Ask { id, gather, database, arguments, led, waited_for: None }
                if gather != command::Gather::Flush && self.has_uncommitted() =>
            {
                let until = Until::Released(self.store.appended_position());
                let waited_for = Some(from);
                let mail = Mail::Ask { id, gather, database, arguments, led, waited_for };
                self.wait(until, Then::Mail { to: self.core, mail });
            }
            Mail::Ask { id, gather, database, arguments, led, waited_for } => {
                let from = waited_for.unwrap_or(from);
                let slices: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
                self.store.begin_observing();
                match self.part_untold(gather, database, &slices, &led) {
                    Ok(part) => {
                        if part == Part::Kept {
                            let position = self.store.appended_position();
                            self.changes.note_flush(position, Change::Flushed(id));
                        }
                        let until = Until::Released(self.store.observed_position());
                        self.wait(until, Then::Mail { to: from, mail: Mail::Part { id, part } });
                    }
                    Err(CommandError::Store(StoreError::NoRoom { .. })) => {
                        if let Some(refusal) = self.room_refusal() {
                            self.send(from, Mail::Part { id, part: Part::Refused(refusal) });
                        } else {
                            self.parked.push_back((
                                from,
                                Mail::Ask { id, gather, database, arguments, led, waited_for },
                            ));
                        }
                    }
                    Err(error) => {
                        self.send(from, Mail::Part { id, part: Part::Refused(error.to_string()) });
                    }
                }
            }
            Mail::Unit(mail) => self.unit_mail(from, *mail),
            Mail::Epoch(mail) => self.epoch_mail(mail),
            Mail::Unwatch { keys } => self.take_unwatch(&keys),
            Mail::Span { from, mail } => self.take_span(from, *mail),
            Mail::Part { id, part } => self.part_came(id, part),
        }
    }

    pub(crate) fn send(&mut self, to: CoreId, mail: Mail) {
        if to == self.core {
            self.own_mail.push_back(mail);
        } else {
            self.effects.push(Effect::Mail { to, mail });
        }
    }

    pub(crate) fn finish(&mut self, ticket: Ticket, answer: Answer) {
        self.effects.push(Effect::Finished { ticket, answer });
    }
}
