//! Owns the words of a command that is kept for many turns.

/// The words of a command behind its name, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Words {
    pub(crate) bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Words {
    pub(crate) fn new(arguments: &[&[u8]]) -> Self {
        let mut words = Self::default();
        words.bytes.reserve_exact(arguments.iter().map(|word| word.len()).sum());
        words.ends.reserve_exact(arguments.len());
        for word in arguments {
            words.bytes.extend_from_slice(word);
            words.ends.push(words.bytes.len());
        }
        words
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn get(&self, at: usize) -> &[u8] {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[begin..self.ends[at]]
    }
}
