//! Owns the step from a node that is alone to a cluster: what group 0 holds when that node begins it.

use crate::change::{Author, Effects, Refusal, check_change};
use crate::config::{Config, Mode, Problem, Usage};

use super::ClusterState;

impl ClusterState {
    /// Whether `proposed` makes a cluster of the node that `current` leaves alone.
    #[must_use]
    pub fn grows(current: &Config, proposed: &Config) -> bool {
        let is_single = |config: &Config| Mode::of(config).is_none_or(|it| it == Mode::Single);
        is_single(current) && !is_single(proposed)
    }

    /// What group 0 holds at first where `proposed` makes a cluster of the node that `current` leaves alone: that node has all, as the
    /// only voter of every group, and what is to be elsewhere moves from there. The history begins with `current`, whose child
    /// `proposed` is.
    ///
    /// Errors: [`Refusal`], by the rules of a change.
    pub fn grown(
        current: &Config,
        proposed: &Config,
        evictions: &[&str],
    ) -> Result<(Self, Effects), Refusal> {
        let no_hash = || {
            let text = "the config holds a number that JSON cannot hold";
            Refusal::Invalid(vec![Problem::at("", text, "keep numbers below 2^53")])
        };
        let mut state = Self::form(&Self::form_command(current)).ok_or_else(no_hash)?;
        let usage = Usage::default();
        let effects = check_change(state.standing(&usage, evictions), proposed, Author::Alone)?;
        let command = state.set_command(proposed.clone(), None);
        state.apply(&command);
        Ok((state, effects))
    }
}
