//! Owns the segments that the cleaner left in the middle: a key in them has a change that did not take effect.

use super::walk::Walk;

/// A segment in use, and where the walk over it goes on.
#[derive(Debug)]
struct Place {
    slot: u32,
    use_number: u64,
    walk: Walk,
    is_blocked: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Held {
    places: Vec<Place>,
}

impl Held {
    pub(super) fn hold(&mut self, slot: u32, use_number: u64, walk: Walk) {
        self.places.retain(|place| place.slot != slot);
        self.places.push(Place { slot, use_number, walk, is_blocked: true });
    }

    /// Something took effect, or is void: they may go on. `false`: there was none.
    pub(crate) fn release(&mut self) -> bool {
        let is_blocked = self.places.iter().any(|place| place.is_blocked);
        self.places.iter_mut().for_each(|place| place.is_blocked = false);
        is_blocked
    }

    pub(super) fn blocks(&self, slot: u32, use_number: u64) -> bool {
        let is_it = |place: &Place| {
            place.is_blocked && (place.slot, place.use_number) == (slot, use_number)
        };
        self.places.iter().any(is_it)
    }

    /// Where the walk over a segment goes on: all before it is copied or dead.
    pub(super) fn resume(&mut self, slot: u32, use_number: u64) -> Walk {
        let at = self.places.iter().position(|place| place.slot == slot);
        let place = at.map(|at| self.places.swap_remove(at));
        place
            .filter(|place| place.use_number == use_number)
            .map_or_else(Walk::start, |place| place.walk)
    }
}
