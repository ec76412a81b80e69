//! Owns which numbers the databases have at the moment: SWAPDB exchanges numbers, and what is kept stays where it is.

use crate::ids::DatabaseId;
use crate::limits::DATABASES;

/// The kept database behind each number that SELECT takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Databases([u8; DATABASES as usize]);

impl Default for Databases {
    fn default() -> Self {
        Self(std::array::from_fn(|number| u8::try_from(number).unwrap_or(u8::MAX)))
    }
}

impl Databases {
    /// As a config has them; none at all means that each is kept under its own number. `None`: they are not each of the numbers once.
    #[must_use]
    pub fn of(kept: &[u8]) -> Option<Self> {
        if kept.is_empty() {
            return Some(Self::default());
        }
        let order: [u8; DATABASES as usize] = kept.try_into().ok()?;
        (0..DATABASES).all(|number| order.contains(&number)).then_some(Self(order))
    }

    /// As a config has them: nothing where each is kept under its own number.
    #[must_use]
    pub fn to_config(self) -> Vec<u8> {
        if self == Self::default() { Vec::new() } else { self.0.to_vec() }
    }

    /// Where the database of a number below [`DATABASES`] is kept.
    #[must_use]
    pub fn kept(self, number: u8) -> DatabaseId {
        DatabaseId(self.0[usize::from(number)])
    }

    /// The number of a kept database; the hidden one is nobody's.
    #[must_use]
    pub fn number(self, kept: DatabaseId) -> u8 {
        let at = self.0.iter().position(|&other| other == kept.0);
        at.and_then(|at| u8::try_from(at).ok()).unwrap_or(kept.0)
    }

    /// Two numbers below [`DATABASES`] change places.
    pub fn swap(&mut self, one: u8, other: u8) {
        self.0.swap(usize::from(one), usize::from(other));
    }

    /// Where the number of a kept database leads to once these are in force.
    #[must_use]
    pub fn moved(self, next: Self, kept: DatabaseId) -> DatabaseId {
        if kept.0 < DATABASES { next.kept(self.number(kept)) } else { kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_change_places_and_what_is_kept_does_not() {
        let before = Databases::default();
        let mut after = before;
        after.swap(0, 9);
        after.swap(9, 3);
        assert_eq!([0, 3, 9].map(|number| after.kept(number).0), [9, 0, 3]);
        for number in 0..DATABASES {
            assert_eq!(after.number(after.kept(number)), number);
            let kept = before.kept(number);
            assert_eq!(before.moved(after, kept), after.kept(number));
        }
        assert_eq!(before.moved(after, DatabaseId::HIDDEN), DatabaseId::HIDDEN);
        assert_eq!(Databases::of(&after.to_config()), Some(after));
        after.swap(9, 3);
        after.swap(0, 9);
        assert_eq!(after.to_config(), []);
    }

    #[test]
    fn each_number_must_be_there_once() {
        assert_eq!(Databases::of(&[]), Some(Databases::default()));
        assert_eq!(Databases::of(&[1, 0]), None);
        let mut twice = Databases::default().0;
        twice[3] = 4;
        assert_eq!(Databases::of(&twice), None);
        twice[3] = DATABASES;
        assert_eq!(Databases::of(&twice), None);
    }
}
