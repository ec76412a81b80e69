//! Owns what a core knows of its clients' commands that wait at other places: for keys of several partitions, or of one that another
//! node leads. A place is a partition; its leader is asked to run the command for the keys there, and who finds nothing keeps it and
//! offers when it may find something. One place is asked at a time, so nothing is taken twice.

use std::collections::{BTreeMap, BTreeSet};

use hyperion_runtime::ConnectionId;
use hyperion_wire::peer::ForwardedCommand;

use super::batch::CommandHead;
use super::blocked::Ending;

/// How a command stands with a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    /// It is to be sent there.
    Due,
    /// Nobody leads it, or who was asked does not lead it any more: it is due with the next tick.
    Astray,
    /// It was sent, and is not answered.
    Asked,
    /// It found nothing and is kept there.
    Kept,
    /// It is kept there, and may find something.
    Offered,
}

/// One partition with keys of a command.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) slot: u16,
    /// The command for the keys of this place.
    pub(super) words: Vec<Vec<u8>>,
    /// The node that was asked, and the number of the command there.
    pub(super) at: Option<(u32, u64)>,
    pub(super) stance: Stance,
    /// Since when it stands so, Unix ms.
    pub(super) since_ms: u64,
    /// An offer has overtaken the answer that it is kept.
    is_offered: bool,
}

/// When all keys of a command are brought together, and it runs on copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Collects {
    /// Never: it needs one of its keys.
    Never,
    /// At first: it tells of all of them, and waits for any.
    First,
    /// Each time: it changes two of them.
    Always,
}

/// What is to be done next for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Its keys are brought together.
    Collect,
    /// It is sent to that of its places.
    Ask(usize),
}

/// A command that waits.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) head: CommandHead,
    pub(super) arguments: Vec<Vec<u8>>,
    pub(super) places: Vec<Place>,
    pub(super) until_ms: Option<u64>,
    pub(super) collects: Collects,
    /// Its keys are to be brought together next; and with the next tick.
    must_collect: bool,
    pub(super) collects_later: bool,
    /// Its keys are being brought together.
    pub(super) is_collecting: bool,
    /// Since when it stands nowhere at some place, Unix ms.
    pub(super) leaderless_since_ms: Option<u64>,
    /// It is to end as soon as nobody runs it.
    pub(super) ending: Option<Ending>,
}

/// Such commands of one core's clients: one a client.
#[derive(Debug, Default)]
pub(crate) struct PlacedCommands {
    pub(super) commands: BTreeMap<ConnectionId, Placed>,
    /// Of each number whose command it is, and which of its places.
    pub(super) numbers: BTreeMap<u64, (ConnectionId, usize)>,
    pub(super) ends: BTreeSet<(u64, ConnectionId)>,
    /// Those that are astray at some place.
    pub(super) astray: BTreeSet<ConnectionId>,
    /// What is to be sent at the end of the turn, in order, and to which node.
    pub(super) unsent: Vec<(u32, ForwardedCommand<'static>)>,
    /// When they were last looked through, Unix ms.
    pub(super) tended_ms: u64,
    /// All places of all commands.
    pub(super) places: usize,
}

impl Place {
    pub(super) fn new(slot: u16, words: Vec<Vec<u8>>) -> Self {
        Self { slot, words, at: None, stance: Stance::Due, since_ms: 0, is_offered: false }
    }

    pub(super) fn stand(&mut self, stance: Stance, now_ms: u64) {
        (self.stance, self.since_ms) = (stance, now_ms);
    }

    /// It found nothing there; from now on it has these words, if any.
    pub(super) fn keep(&mut self, words: Vec<Vec<u8>>, now_ms: u64) {
        if !words.is_empty() {
            self.words = words;
        }
        let is_offered = std::mem::take(&mut self.is_offered);
        self.stand(if is_offered { Stance::Offered } else { Stance::Kept }, now_ms);
    }

    /// It may find something there.
    pub(super) fn offer(&mut self, now_ms: u64) {
        match self.stance {
            Stance::Asked => self.is_offered = true,
            Stance::Kept => self.stand(Stance::Offered, now_ms),
            Stance::Due | Stance::Astray | Stance::Offered => {}
        }
    }

    /// It does not stand there any more; gives its number.
    pub(super) fn stray(&mut self, now_ms: u64) -> Option<u64> {
        self.is_offered = false;
        self.stand(Stance::Astray, now_ms);
        self.at.take().map(|(_, number)| number)
    }
}

impl Placed {
    pub(super) fn new(
        head: CommandHead,
        arguments: Vec<Vec<u8>>,
        places: Vec<Place>,
        collects: Collects,
        until_ms: Option<u64>,
    ) -> Self {
        Self {
            head,
            arguments,
            places,
            until_ms,
            collects,
            must_collect: collects != Collects::Never,
            collects_later: false,
            is_collecting: false,
            leaderless_since_ms: None,
            ending: None,
        }
    }

    /// Whether somebody runs it at the moment.
    pub(super) fn is_running(&self) -> bool {
        self.is_collecting || self.places.iter().any(|place| place.stance == Stance::Asked)
    }

    /// What is to be done next. Nothing, while somebody runs it: two would take two elements.
    pub(super) fn next(&mut self) -> Option<Next> {
        if self.is_running() {
            return None;
        }
        if std::mem::take(&mut self.must_collect) {
            return Some(Next::Collect);
        }
        let stands = |wanted| self.places.iter().position(|place| place.stance == wanted);
        if let Some(at) = stands(Stance::Due) {
            return Some(Next::Ask(at));
        }
        let at = stands(Stance::Offered)?;
        if self.collects != Collects::Always {
            return Some(Next::Ask(at));
        }
        // If it finds nothing, who offered must know.
        self.places[at].stance = Stance::Due;
        Some(Next::Collect)
    }

    /// A tick has come: what is astray is due. Gives a slot of it.
    pub(super) fn tick(&mut self, now_ms: u64) -> Option<u16> {
        self.must_collect |= std::mem::take(&mut self.collects_later);
        let mut slot = None;
        for place in self.places.iter_mut().filter(|place| place.stance == Stance::Astray) {
            place.stand(Stance::Due, now_ms);
            slot = Some(place.slot);
        }
        slot
    }

    /// Whether it has stood nowhere at some place for longer than that.
    pub(super) fn is_late(&self, now_ms: u64, wait_ms: u64) -> bool {
        self.leaderless_since_ms.is_some_and(|since_ms| now_ms.saturating_sub(since_ms) > wait_ms)
    }

    /// The slot of a place at which nobody has it.
    pub(super) fn nowhere(&self) -> Option<u16> {
        let is_nowhere = |place: &&Place| matches!(place.stance, Stance::Due | Stance::Astray);
        self.places.iter().find(is_nowhere).map(|place| place.slot)
    }

    /// A place keeps it: it stands everywhere, if so.
    pub(super) fn note_kept(&mut self) {
        if !self.collects_later && self.nowhere().is_none() {
            self.leaderless_since_ms = None;
        }
    }
}

impl PlacedCommands {
    pub(super) fn add(&mut self, placed: Placed) {
        let connection = placed.head.connection;
        self.ends.extend(placed.until_ms.map(|until_ms| (until_ms, connection)));
        self.places += placed.places.len();
        self.commands.insert(connection, placed);
    }

    pub(super) fn remove(&mut self, connection: ConnectionId) -> Option<Placed> {
        let placed = self.commands.remove(&connection)?;
        if let Some(until_ms) = placed.until_ms {
            self.ends.remove(&(until_ms, connection));
        }
        for (_, number) in placed.places.iter().filter_map(|place| place.at) {
            self.numbers.remove(&number);
        }
        self.astray.remove(&connection);
        self.places -= placed.places.len();
        Some(placed)
    }

    /// How many are kept at all of their places: they miss nothing that comes from now on.
    pub(super) fn standing(&self) -> usize {
        let stands = |place: &Place| matches!(place.stance, Stance::Kept | Stance::Offered);
        self.commands.values().filter(|placed| placed.places.iter().all(stands)).count()
    }

    /// When the next wait ends, Unix ms.
    pub(super) fn next_end(&self) -> Option<(u64, ConnectionId)> {
        self.ends.first().copied()
    }

    /// A command does not stand at that of its places any more.
    pub(super) fn stray(&mut self, connection: ConnectionId, at: usize, now_ms: u64) {
        let Some(placed) = self.commands.get_mut(&connection) else { return };
        placed.leaderless_since_ms.get_or_insert(now_ms);
        if let Some(number) = placed.places[at].stray(now_ms) {
            self.numbers.remove(&number);
        }
        self.astray.insert(connection);
    }
}

#[cfg(test)]
mod tests {
    use hyperion_engine::command::find;
    use hyperion_model::DatabaseId;
    use hyperion_wire::Protocol;

    use super::*;

    fn placed(places: usize, collects: Collects) -> Placed {
        let head = CommandHead {
            connection: ConnectionId { index: 1, generation: 1 },
            is_silent: false,
            spec: find(b"blpop").expect("a command"),
            database: DatabaseId(0),
            protocol: Protocol::Resp2,
            arguments: 2,
            slot: None,
            from_replica: false,
            no_touch: false,
            tracks: false,
            is_small: false,
            is_part: true,
        };
        let places = (0..places).map(|_| Place::new(0, Vec::new())).collect();
        Placed::new(head, Vec::new(), places, collects, None)
    }

    #[test]
    fn one_place_is_asked_at_a_time() {
        let mut command = placed(2, Collects::Never);
        assert_eq!(command.next(), Some(Next::Ask(0)));
        command.places[0].stand(Stance::Asked, 1);
        assert_eq!(command.next(), None, "the first has not answered");
        command.places[0].keep(Vec::new(), 2);
        assert_eq!(command.next(), Some(Next::Ask(1)));
        command.places[1].stand(Stance::Asked, 3);
        command.places[0].offer(4);
        assert_eq!(command.next(), None, "the second may take something");
        // Its offer overtakes the answer that it keeps the command.
        command.places[1].offer(5);
        command.places[1].keep(vec![b"words".to_vec()], 6);
        assert_eq!(command.places[1].words, [b"words"]);
        assert_eq!(command.next(), Some(Next::Ask(0)));
        command.places[0].stand(Stance::Asked, 7);
        command.places[0].keep(Vec::new(), 8);
        assert_eq!(command.next(), Some(Next::Ask(1)));
        command.places[1].stray(9);
        assert_eq!(command.next(), None, "it is asked with the next tick");
    }

    #[test]
    fn what_moves_an_element_brings_its_keys_together_each_time() {
        let mut command = placed(1, Collects::Always);
        assert_eq!(command.next(), Some(Next::Collect));
        command.is_collecting = true;
        assert_eq!(command.next(), None);
        command.is_collecting = false;
        assert_eq!(command.next(), Some(Next::Ask(0)), "then it is kept");
        command.places[0].stand(Stance::Asked, 1);
        command.places[0].keep(Vec::new(), 2);
        assert_eq!(command.next(), None);
        command.places[0].offer(3);
        assert_eq!(command.next(), Some(Next::Collect));
        assert_eq!(
            command.next(),
            Some(Next::Ask(0)),
            "and who offered hears that nothing was there"
        );
    }

    #[test]
    fn what_is_removed_leaves_nothing() {
        let mut all = PlacedCommands::default();
        let mut command = placed(2, Collects::First);
        command.until_ms = Some(7);
        let connection = command.head.connection;
        command.places[0].at = Some((3, 77));
        all.numbers.insert(77, (connection, 0));
        all.add(command);
        all.stray(connection, 1, 5);
        assert_eq!((all.places, all.next_end()), (2, Some((7, connection))));
        assert!(all.remove(connection).is_some());
        let left = (all.numbers.len(), all.ends.len(), all.astray.len(), all.places);
        assert_eq!(left, (0, 0, 0, 0));
    }
}
