//! Owns one connection, as the node sees it that has made it.

use std::collections::VecDeque;

/// A connection from a core of one node to another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId {
    /// The node that has made it, and sends on it.
    pub from: u32,
    /// Its core.
    pub core: u16,
    /// The node at the other end.
    pub to: u32,
    /// It carries snapshots.
    pub is_bulk: bool,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// Its node knows that there is none.
    #[default]
    Down,
    /// Frames go to this core of the other node.
    Up(u16),
    /// It is gone, and its node has not noticed.
    Broken,
}

/// One connection.
#[derive(Debug)]
pub struct Link<T> {
    standing: Standing,
    /// Counts the connections that were made one after the other.
    number: u64,
    /// Frames under way, with when they arrive, ns.
    frames: VecDeque<(u64, T)>,
    last_ns: u64,
}

impl<T> Default for Link<T> {
    fn default() -> Self {
        Self { standing: Standing::Down, number: 0, frames: VecDeque::new(), last_ns: 0 }
    }
}

impl<T> Link<T> {
    /// Where it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Which of the connections that were made one after the other it is.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Frames under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// It is made, and ends on a core of the other node.
    pub fn open(&mut self, core: u16) {
        self.standing = Standing::Up(core);
        self.number += 1;
        self.frames.clear();
    }

    /// Its node hears that it is gone.
    pub fn close(&mut self) {
        self.standing = Standing::Down;
    }

    /// It is gone. Gives what was under way, in order, with when it would have arrived.
    pub fn cut(&mut self) -> Vec<(u64, T)> {
        if matches!(self.standing, Standing::Up(_)) {
            self.standing = Standing::Broken;
        }
        self.frames.drain(..).collect()
    }

    /// Sends a frame that would arrive at `at_ns`; gives when it does.
    pub fn send(&mut self, frame: T, at_ns: u64) -> Option<u64> {
        if !matches!(self.standing, Standing::Up(_)) {
            return None;
        }
        self.last_ns = self.last_ns.max(at_ns);
        self.frames.push_back((self.last_ns, frame));
        Some(self.last_ns)
    }

    /// The next frame, if it is due.
    pub(super) fn take(&mut self, now_ns: u64) -> Option<T> {
        let is_due = self.frames.front().is_some_and(|(at_ns, _)| *at_ns <= now_ns);
        is_due.then(|| self.frames.pop_front()).flatten().map(|(_, frame)| frame)
    }
}
