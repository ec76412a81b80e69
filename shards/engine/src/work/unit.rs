//! Owns commands that run as one: those between MULTI and EXEC, or one alone whose keys lie apart.

use super::bench::{Bench, Halt};
use super::lock_keys;
use crate::command::{CommandError, CommandSpec, Flags, Run, meets_others};
use crate::effect::Answer;
use crate::limits::UNIT_ANSWER_BYTES_MAX;
use crate::lock::LockKey;
use crate::recorded::Recorded;
use hyperion_model::DatabaseId;

/// A command that was taken and did not run yet.
#[derive(Clone, Debug)]
pub struct Queued {
    /// The command.
    pub spec: &'static CommandSpec,
    /// The database that it is about.
    pub database: DatabaseId,
    /// Name and arguments; their number is right.
    pub arguments: Vec<Vec<u8>>,
}

/// A key that must be as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedKey {
    /// The database of the key.
    pub database: DatabaseId,
    /// The key.
    pub key: Vec<u8>,
    /// What told it from a later one.
    pub version: u64,
}

/// Commands that run in order, and nobody else's between.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    /// The commands.
    pub commands: Vec<Queued>,
    /// Nothing runs where one of these has changed.
    pub watched: Vec<WatchedKey>,
    /// It is one command, whose answer is that of the unit.
    pub is_single: bool,
    /// Whose it is, as [`crate::Request::client`] names clients.
    pub client: Option<(u16, u64)>,
}

impl Queued {
    /// The words, as commands take them.
    #[must_use]
    pub fn words(&self) -> Vec<&[u8]> {
        self.arguments.iter().map(Vec::as_slice).collect()
    }

    /// Bytes of its words.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.arguments.iter().map(Vec::len).sum()
    }
}

impl Unit {
    pub(crate) fn single(
        spec: &'static CommandSpec,
        database: DatabaseId,
        arguments: Vec<Vec<u8>>,
    ) -> Self {
        let commands = vec![Queued { spec, database, arguments }];
        Self { commands, is_single: true, ..Self::default() }
    }

    /// Its keys, each once, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<(DatabaseId, Vec<u8>)> {
        let watched = self.watched.iter().map(|it| (it.database, it.key.clone()));
        let named = self.commands.iter();
        let named = named.flat_map(|it| lock_keys(it.spec, it.database, &it.words()));
        let mut keys: Vec<LockKey> = watched.chain(named).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Bytes of its words.
    pub(crate) fn bytes(&self) -> usize {
        self.commands.iter().map(Queued::bytes).sum()
    }

    /// Whether it may change something.
    pub(crate) fn may_write(&self) -> bool {
        self.commands.iter().any(|command| command.spec.writes())
    }

    /// Whether it may need memory.
    pub(crate) fn may_grow(&self) -> bool {
        self.commands.iter().any(|command| command.spec.flags.has(Flags::DENYOOM))
    }

    /// Whether a command of it is about all keys.
    pub(crate) fn is_about_all(&self) -> bool {
        let mut runs = self.commands.iter().map(|command| command.spec.run);
        runs.any(|run| matches!(run, Run::Every(_) | Run::Scan))
    }

    /// Whether a command of it is about keys that its words do not name.
    pub(crate) fn meets_others(&self) -> bool {
        self.commands.iter().any(|command| {
            command.spec.flags.has(Flags::MOVABLE_KEYS)
                && meets_others(command.spec, &command.words())
        })
    }

    /// Runs on copies.
    pub(super) fn run(&self, bench: &mut Bench<'_>) -> Result<Answer, Halt> {
        let mut replies = Vec::with_capacity(self.commands.len());
        let mut room = AnswerRoom::default();
        for command in &self.commands {
            if let Some(refusal) = room.refusal(command.spec) {
                replies.push(refusal);
                continue;
            }
            let mut reply = Recorded::default();
            bench.call(command.spec, command.database, &command.words(), &mut reply)?;
            room.take(&reply);
            replies.push(reply);
        }
        if self.is_single {
            return Ok(Answer::Recorded(replies.pop().unwrap_or_default()));
        }
        Ok(Answer::Unit { replies: Some(replies), observed: 0 })
    }
}

/// What the answers of a transaction may still take.
#[derive(Debug)]
pub(super) struct AnswerRoom(usize);

impl Default for AnswerRoom {
    fn default() -> Self {
        Self(UNIT_ANSWER_BYTES_MAX)
    }
}

impl AnswerRoom {
    /// The answer of a command that is left out. One that writes never is: who sent it must learn what became of it.
    pub(super) fn refusal(&self, spec: &CommandSpec) -> Option<Recorded> {
        (self.0 == 0 && !spec.writes())
            .then(|| Recorded::failed(&CommandError::AnswersTooLong.to_string()))
    }

    /// An answer was made.
    pub(super) fn take(&mut self, reply: &Recorded) {
        self.0 = self.0.saturating_sub(reply.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::find;
    use hyperion_model::ReplyWriter;

    #[test]
    fn reads_behind_long_answers_are_left_out_and_writes_are_not() {
        let [get, set] = [&b"get"[..], b"set"].map(|name| find(name).expect("a command"));
        let (mut room, mut long) = (AnswerRoom(100), Recorded::default());
        assert_eq!(room.refusal(get), None);
        long.bulk(&[b'x'; 90]);
        room.take(&long);
        assert!(long.len() < 200 && room.refusal(set).is_none());
        room.take(&long);
        let refused = room.refusal(get).expect("it is full");
        assert!(refused.error_line().is_some_and(|line| line.contains("outside of MULTI")));
        assert_eq!(room.refusal(set), None);
    }
}
