//! Owns faults that a simulation plants to see that its checks find them; nothing else sets them.

/// What is done wrong on purpose.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    /// Several members change in one step: the majority of those before is not asked.
    pub joint_in_one_step: bool,
    /// Learners are taken to have caught up as soon as they are there.
    pub learners_caught_up: bool,
}
