//! Owns what a script asks about all keys of several cores or nodes: it stops, all are asked, and it begins anew with what they have said.

use std::cell::RefCell;

use hyperion_engine::Recorded;
use hyperion_engine::command::CommandSpec;
use hyperion_model::DatabaseId;

use super::limits::{ASKS_BYTES_MAX, ASKS_MAX};

/// A question about all keys.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) database: DatabaseId,
    pub(crate) spec: &'static CommandSpec,
    pub(crate) words: Vec<Vec<u8>>,
}

impl Ask {
    fn is(&self, database: DatabaseId, words: &[&[u8]]) -> bool {
        self.database == database && self.words.iter().map(Vec::as_slice).eq(words.iter().copied())
    }
}

/// The questions of one script, whatever number of times it begins anew.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    /// What it stopped for.
    open: RefCell<Option<Ask>>,
    /// In the order in which they are asked, with what was said.
    known: RefCell<Vec<(Ask, Recorded)>>,
}

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is answered.
    Known,
    /// The script stops for it.
    Stops,
    /// No more are asked.
    TooMany,
}

impl Questions {
    /// Asks a script's question of this number, counted from 0.
    pub(super) fn ask(
        &self,
        number: usize,
        database: DatabaseId,
        spec: &'static CommandSpec,
        words: &[&[u8]],
        answer: &mut Recorded,
    ) -> Said {
        let mut known = self.known.borrow_mut();
        if let Some((_, said)) = known.get(number).filter(|(ask, _)| ask.is(database, words)) {
            said.write(answer);
            return Said::Known;
        }
        // It has gone another way than the last time: what it asked there is not asked here.
        known.truncate(number);
        let bytes: usize = known.iter().map(|(_, said)| said.bytes()).sum();
        if number >= ASKS_MAX || bytes > ASKS_BYTES_MAX {
            return Said::TooMany;
        }
        let words = words.iter().map(|word| word.to_vec()).collect();
        self.open.replace(Some(Ask { database, spec, words }));
        Said::Stops
    }

    /// What the script stopped for, if it did.
    pub(crate) fn take(&self) -> Option<Ask> {
        self.open.take()
    }

    /// The question that it stopped for is answered.
    pub(crate) fn learn(&self, ask: Ask, said: Recorded) {
        self.known.borrow_mut().push((ask, said));
    }
}
