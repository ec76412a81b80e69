//! Owns the classes of keyspace events, and the letters by which a set of them is chosen.

/// A class of things that happen to keys. Each event belongs to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum EventClass {
    /// `g`: commands about keys of any type, such as `del`, `expire`, `rename_from`.
    Generic = 1 << 2,
    /// `$`: commands of strings, such as `set`, `incrby`.
    String = 1 << 3,
    /// `l`: commands of lists, such as `lpush`.
    List = 1 << 4,
    /// `s`: commands of sets, such as `sadd`.
    Set = 1 << 5,
    /// `h`: commands of hashes, such as `hset`.
    Hash = 1 << 6,
    /// `z`: commands of sorted sets, such as `zadd`.
    SortedSet = 1 << 7,
    /// `x`: `expired`, told by the engine.
    Expired = 1 << 8,
    /// `e`: `evicted`, told by the engine.
    Evicted = 1 << 9,
    /// `t`: commands of streams, such as `xadd`.
    Stream = 1 << 10,
    /// `m`: `keymiss`, told by the engine; not in `A`.
    KeyMiss = 1 << 11,
    /// `d`: what modules tell; there are none.
    Module = 1 << 13,
    /// `n`: `new`, told by the engine; not in `A`.
    New = 1 << 14,
}

const KEYSPACE: u16 = 1;
const KEYEVENT: u16 = 1 << 1;

/// The letters, in the order in which a set is printed.
const LETTERS: [(u8, u16); 14] = [
    (b'g', EventClass::Generic as u16),
    (b'$', EventClass::String as u16),
    (b'l', EventClass::List as u16),
    (b's', EventClass::Set as u16),
    (b'h', EventClass::Hash as u16),
    (b'z', EventClass::SortedSet as u16),
    (b'x', EventClass::Expired as u16),
    (b'e', EventClass::Evicted as u16),
    (b't', EventClass::Stream as u16),
    (b'd', EventClass::Module as u16),
    (b'n', EventClass::New as u16),
    (b'K', KEYSPACE),
    (b'E', KEYEVENT),
    (b'm', EventClass::KeyMiss as u16),
];

/// What `A` stands for: the first ten letters.
const ALL: u16 = {
    let (mut all, mut at) = (0, 0);
    while at < 10 {
        all |= LETTERS[at].1;
        at += 1;
    }
    all
};

/// Which events are told, and on which channels: `K` for those of the key, `E` for those of the event, and a letter a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventMask(u16);

impl EventMask {
    /// Nothing is told.
    pub const NONE: Self = Self(0);

    /// Reads letters; `None` when one is not known.
    #[must_use]
    pub fn parse(letters: &[u8]) -> Option<Self> {
        letters.iter().try_fold(Self::NONE, |mask, &letter| {
            let known = LETTERS.iter().find(|(known, _)| *known == letter);
            let bits = if letter == b'A' { Some(ALL) } else { known.map(|(_, bits)| *bits) };
            bits.map(|bits| Self(mask.0 | bits))
        })
    }

    /// The letters, as Redis prints them; it forgets `n` beside `A`.
    #[must_use]
    pub fn to_text(self) -> String {
        let has_all = self.0 & ALL == ALL;
        let all = has_all.then_some('A');
        let each =
            LETTERS.iter().filter(|(_, bits)| self.0 & bits != 0 && !(has_all && ALL & bits != 0));
        all.into_iter().chain(each.map(|(letter, _)| char::from(*letter))).collect()
    }

    /// Whether any event can be told at all.
    #[must_use]
    pub fn tells(self) -> bool {
        self.0 & (KEYSPACE | KEYEVENT) != 0 && self.0 & !(KEYSPACE | KEYEVENT) != 0
    }

    /// Whether events of this class are told on some channel.
    #[inline]
    #[must_use]
    pub fn has(self, class: EventClass) -> bool {
        self.0 & class as u16 != 0 && self.0 & (KEYSPACE | KEYEVENT) != 0
    }

    /// Whether they are told on the channels of keys, `__keyspace@N__:key`.
    #[must_use]
    pub fn by_key(self) -> bool {
        self.0 & KEYSPACE != 0
    }

    /// Whether they are told on the channels of events, `__keyevent@N__:event`.
    #[must_use]
    pub fn by_event(self) -> bool {
        self.0 & KEYEVENT != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_read_and_printed_as_redis_does() {
        for (letters, printed, tells) in [
            ("", "", false),
            ("KEA", "AKE", true),
            ("Kg", "gK", true),
            ("g$lshzxe", "g$lshzxe", false),
            ("KE", "KE", false),
            ("g$lshzxetdKE", "AKE", true),
            ("EnmK", "nKEm", true),
            ("KEAmn", "AnKEm", true),
        ] {
            let mask = EventMask::parse(letters.as_bytes()).expect(letters);
            assert_eq!((mask.to_text().as_str(), mask.tells()), (printed, tells), "{letters:?}");
            assert_eq!(EventMask::parse(printed.as_bytes()), Some(mask), "{letters:?}");
        }
        for letters in ["q", "KEa", "K E", "é"] {
            assert_eq!(EventMask::parse(letters.as_bytes()), None, "{letters:?}");
        }
    }

    #[test]
    fn a_class_is_told_only_with_a_kind_of_channel() {
        let has = |letters: &str| {
            EventMask::parse(letters.as_bytes()).expect(letters).has(EventClass::String)
        };
        assert_eq!(
            ["$", "K$", "E$", "KA", "Kg", "KEmn"].map(has),
            [false, true, true, true, false, false]
        );
    }
}
