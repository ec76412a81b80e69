//! Owns what waits for the log: a step of a transaction goes on when its records are released or durable.

use crate::effect::Mail;
use crate::engine::Engine;
use crate::settings::Durability;
use crate::spanning::{SpanId, SpanMail, SpanStep};
use hyperion_model::{CoreId, PartitionId, TransactionId};

/// What the log must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// An answer that observed this position may leave.
    Released(u64),
    /// This position is on stable storage; a sync is asked for.
    Durable(u64),
    /// This position is on stable storage, whenever that is.
    DurableSometime(u64),
}

impl Until {
    /// What a step of a transaction waits for whose records end at `position`.
    pub(crate) fn safe(position: u64, is_early: bool) -> Self {
        if is_early { Self::Released(position) } else { Self::Durable(position) }
    }
}

/// What goes on then.
#[derive(Debug)]
pub(crate) enum Then {
    Mail {
        to: CoreId,
        mail: Mail,
    },
    Decided(TransactionId),
    /// A step goes to that node.
    Span {
        to: u32,
        mail: SpanMail,
    },
    /// A transaction over groups is decided, and its coordinator is on that node.
    Decision {
        to: u32,
        id: SpanId,
        partition: PartitionId,
    },
}

/// A step that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) until: Until,
    pub(crate) then: Then,
}

impl Engine {
    /// Whether transactions need not wait for the disk.
    pub(crate) fn is_early(&self) -> bool {
        self.settings.durability != Durability::Always
    }

    pub(crate) fn wait(&mut self, until: Until, then: Then) {
        self.waiting.push(Waiting { until, then });
    }

    /// Goes on with everything that can: mail to ourselves, and steps whose records the log has reached.
    pub fn settle(&mut self) {
        loop {
            while let Some(mail) = self.own_mail.pop_front() {
                self.take_mail(self.core, mail);
            }
            if self.waiting.is_empty() || !self.go_on() {
                return;
            }
        }
    }

    /// Takes every step whose time has come; `false` when there was none.
    fn go_on(&mut self) -> bool {
        let (released, durable) = (self.released_position(), self.store.durable_position());
        let is_due = |waiting: &mut Waiting| match waiting.until {
            Until::Released(position) => position <= released,
            Until::Durable(position) | Until::DurableSometime(position) => position <= durable,
        };
        let due: Vec<Waiting> = self.waiting.extract_if(.., is_due).collect();
        let any = !due.is_empty();
        for waiting in due {
            match waiting.then {
                Then::Mail { to, mail } => self.send(to, mail),
                Then::Decided(id) => self.decided(id),
                Then::Span { to, mail } => self.send_span(to, mail),
                Then::Decision { to, id, partition } => self.decision_released(to, id, partition),
            }
        }
        any
    }

    /// Whether a step waits for a sync that nobody else may ask for.
    #[must_use]
    pub fn wants_sync(&mut self) -> bool {
        self.waiting.iter().any(|waiting| matches!(waiting.until, Until::Durable(_)))
            || self.group_wants_sync()
            || self.epoch_wants_sync()
            || self.store.wants_sync()
    }

    /// Whether a step waits for a sync, sooner or later.
    #[must_use]
    pub fn awaits_sync(&mut self) -> bool {
        self.waiting.iter().any(|waiting| !matches!(waiting.until, Until::Released(_)))
            || self.store.wants_sync()
    }
}

impl Then {
    /// Whether it is of a transaction over groups.
    pub(crate) fn is_span(&self) -> bool {
        matches!(self, Self::Span { .. } | Self::Decision { .. })
    }

    /// What is said instead, where what it waits for may never take effect.
    pub(crate) fn lost(self) -> Option<Self> {
        match self {
            // Who decided says it again.
            Self::Span { mail: SpanMail { step: SpanStep::Committed { .. }, .. }, .. } => None,
            Self::Span { to, mail } => {
                let step = SpanStep::Refused { error: None };
                Some(Self::Span { to, mail: SpanMail { step, ..mail } })
            }
            Self::Decision { to, id, partition } => {
                Some(Self::Span { to, mail: SpanMail { id, partition, step: SpanStep::Lost } })
            }
            other => Some(other),
        }
    }
}
