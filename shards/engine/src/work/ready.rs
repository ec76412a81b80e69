//! Owns work on copies that may run: all its keys are locked and brought.

use super::Plan;
use crate::engine::Engine;
use crate::spanning::SpanId;
use hyperion_model::TransactionId;
use std::collections::VecDeque;

/// Work that may run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ready {
    /// Its keys lie on several cores.
    Transaction(TransactionId),
    /// Its keys lie in several groups.
    Span(SpanId),
}

/// All such work, in order. Without somebody to attend to others meanwhile it does not come here but runs at once.
#[derive(Debug, Default)]
pub(crate) struct ReadyWork {
    is_kept: bool,
    waiting: VecDeque<Ready>,
}

impl Engine {
    /// Keeps work on copies that may run until [`Engine::run_ready_work`].
    pub fn keep_ready_work(&mut self) {
        self.ready_work.is_kept = true;
    }

    /// Whether work waits for [`Engine::run_ready_work`].
    #[must_use]
    pub fn has_ready_work(&self) -> bool {
        !self.ready_work.waiting.is_empty()
    }

    /// Runs the work that is there now; `attend` is called now and then while some of it takes long.
    pub fn run_ready_work(&mut self, attend: &mut dyn FnMut()) {
        for ready in std::mem::take(&mut self.ready_work.waiting) {
            match ready {
                Ready::Transaction(id) => self.decide(id, attend),
                Ready::Span(id) => self.judge(id, attend),
            }
        }
        self.settle();
    }

    /// Puts work aside until somebody attends to others; `false`: it may run at once.
    pub(crate) fn keep_ready(&mut self, plan: &Plan, ready: Ready) -> bool {
        let is_kept = self.ready_work.is_kept && matches!(plan, Plan::Work(_));
        if is_kept {
            self.ready_work.waiting.push_back(ready);
        }
        is_kept
    }
}
