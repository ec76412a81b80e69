//! Owns which groups a tick looks at: one in which nothing goes on is left alone until something is due.
//!
//! With many groups a tick would else spend its time on looking at those that sleep. What a group missed is counted before it is touched
//! again, so to raft and to the elections it is as if it had been looked at every time.

use raft::StateRole;

use super::replica::Group;

/// The ticks of all groups of a core.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Ticks since the start.
    tick: u64,
    /// By the group's number.
    places: Vec<Place>,
    /// Bytes of all tails, as of the last look at each.
    bytes: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// The tick before which nothing is due.
    due: u64,
    bytes: usize,
}

impl Pace {
    pub(super) fn tick(&self) -> u64 {
        self.tick
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next tick, which looks at the groups that are due.
    pub(super) fn begin(&mut self) {
        self.tick += 1;
    }

    pub(super) fn is_due(&self, at: usize) -> bool {
        self.places.get(at).is_none_or(|place| place.due <= self.tick)
    }

    /// A group was looked at; nothing is due in it for so many ticks after the next.
    pub(super) fn looked(&mut self, at: usize, rests: usize, bytes: usize) {
        let due = self.tick + 1 + rests as u64;
        self.place(at).due = due;
        self.set_bytes(at, bytes);
    }

    /// Something happens to a group: the next tick looks at it.
    pub(super) fn wake(&mut self, at: usize) {
        if let Some(place) = self.places.get_mut(at) {
            place.due = 0;
        }
    }

    /// A group has gone.
    pub(super) fn forget(&mut self, at: usize) {
        self.wake(at);
        self.set_bytes(at, 0);
    }

    fn set_bytes(&mut self, at: usize, bytes: usize) {
        let before = std::mem::replace(&mut self.place(at).bytes, bytes);
        self.bytes = self.bytes - before + bytes;
    }

    fn place(&mut self, at: usize) -> &mut Place {
        if at >= self.places.len() {
            self.places.resize(at + 1, Place::default());
        }
        &mut self.places[at]
    }
}

impl Group {
    /// Counts the ticks up to `tick` in which it was left alone.
    pub(super) fn catch_up(&mut self, tick: u64) {
        let missed = tick.saturating_sub(self.seen_tick);
        self.seen_tick = tick;
        let missed = usize::try_from(missed).unwrap_or(usize::MAX);
        let raft = &mut self.raw.raft;
        raft.election_elapsed = raft.election_elapsed.saturating_add(missed);
        if raft.state == StateRole::Leader {
            self.calm.missed(missed);
        }
    }

    /// Ticks in which nothing will be due, if nothing happens.
    pub(super) fn rests(&self) -> usize {
        if self.dirty || self.state_due || self.unrecorded_since.is_some() {
            return 0;
        }
        let raft = &self.raw.raft;
        match raft.state {
            StateRole::Leader => {
                let before_check =
                    raft.election_timeout().saturating_sub(raft.election_elapsed + 2);
                self.calm.rests(self.seen_tick).min(before_check)
            }
            StateRole::Follower if !self.election.is_hurried() => {
                raft.randomized_election_timeout().saturating_sub(raft.election_elapsed + 2)
            }
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;

    /// The ticks up to `end` in which a group is looked at, where each look leaves it alone for `rests`.
    fn looks(pace: &mut Pace, end: u64, rests: usize) -> usize {
        let mut looks = 0;
        while pace.tick() < end {
            pace.begin();
            if pace.is_due(3) {
                looks += 1;
                pace.looked(3, rests, 100);
            }
        }
        looks
    }

    #[test]
    fn who_rests_is_left_alone_until_something_is_due_or_happens() {
        let mut pace = Pace::default();
        assert_eq!(
            looks(&mut pace, 100, 0),
            100,
            "while something goes on it is looked at every tick"
        );
        assert_eq!(looks(&mut pace, 200, 9), 10);
        assert_eq!(pace.bytes(), 100);
        pace.wake(3);
        assert_eq!(looks(&mut pace, 201, 9), 1);
        pace.forget(3);
        assert_eq!(pace.bytes(), 0);
    }
}
