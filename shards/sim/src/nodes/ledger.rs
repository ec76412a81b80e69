//! Owns the history of one partition: what clients asked and were told.

use crate::history::{Answer, Call, Operation, ValueId, Values, Verdict, search};

/// The commands about the keys of one partition.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    calls: Vec<Option<Call>>,
}

impl Ledger {
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// A client asks: gives the command's place.
    pub(super) fn call(&mut self, operation: Operation, now_ns: u64) -> usize {
        self.calls.push(Some(Call { operation, called: now_ns, returned: None, answer: None }));
        self.calls.len() - 1
    }

    /// The client is told.
    pub(super) fn answer(&mut self, place: usize, answer: Answer, now_ns: u64) {
        if answer == Answer::Refused {
            return self.forget(place);
        }
        let Some(call) = &mut self.calls[place] else { return };
        call.returned = Some(now_ns);
        call.answer = Some(answer);
    }

    /// It was not carried out, or it changes nothing and nobody was told.
    pub(super) fn forget(&mut self, place: usize) {
        self.calls[place] = None;
    }

    /// A replica told this value: who wrote it did so by now. `false`: nobody has ever asked for it to be written.
    pub(super) fn saw(&mut self, value: ValueId, now_ns: u64) -> bool {
        let writes = |operation: &Operation| match operation {
            Operation::Set(_, held) => held.value == value,
            Operation::SetAll(pairs) | Operation::SetAllAbsent(pairs) => {
                pairs.iter().any(|&(_, set)| set == value)
            }
            _ => false,
        };
        let call = self.calls.iter_mut().flatten().find(|call| writes(&call.operation));
        let Some(call) = call else { return false };
        if call.returned.is_none() {
            call.returned = Some(now_ns);
        }
        true
    }

    /// Whether it can all be true.
    pub(super) fn verdict(&self, keys: usize, values: &mut Values) -> Verdict {
        search(self.calls.iter().flatten().cloned().collect(), vec![None; keys], values)
    }
}
