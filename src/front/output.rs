//! Owns the answers of one client until they leave: in the order of its commands, none before the log has released it.

use std::collections::VecDeque;

use super::limits::OUTPUT_KEEP_BYTES;
use super::streams::Stream;

/// Bytes up to `end` may leave once the log has released `position`.
#[derive(Clone, Copy, Debug)]
struct Mark {
    end: usize,
    position: u64,
}

/// Answers of one core that wait for earlier answers of others.
#[derive(Debug, Default)]
struct Lane {
    bytes: Vec<u8>,
    taken: usize,
    answers: VecDeque<Paid>,
}

/// An answer that came before those that were owed earlier.
#[derive(Debug)]
struct Paid {
    length: usize,
    /// What it observed of this core's log.
    observed: u64,
    /// The string that follows on its bytes; seldom there, so it lies apart.
    stream: Option<Box<Stream>>,
}

/// An answer that is owed, in the order of the commands.
#[derive(Clone, Copy, Debug)]
struct Owed {
    core: u16,
    silent: bool,
    asks_memcached: bool,
}

impl Owed {
    /// Whether its answer is sent.
    fn shows(self, answer: &[u8]) -> bool {
        !(self.silent || self.asks_memcached && is_memcached_error(answer))
    }
}

/// Whether it is no value.
fn is_memcached_error(answer: &[u8]) -> bool {
    answer.starts_with(b"SERVER_ERROR") || answer.starts_with(b"CLIENT_ERROR")
}

/// What is to be sent to one client.
#[derive(Debug, Default)]
pub(crate) struct Output {
    bytes: Vec<u8>,
    marks: VecDeque<Mark>,
    owed: VecDeque<Owed>,
    lanes: Vec<Lane>,
    /// Answers that are owed from now on are values that memcached's clients ask for: an error is a miss, as the line behind the last one would be
    /// taken for the answer of the next request.
    pub(crate) asks_memcached: bool,
    /// A long string whose rest comes next; what follows waits in the lanes.
    stream: Option<Stream>,
}

impl Output {
    /// Whether no other core owes an answer: the next may be written straight to the end.
    #[inline]
    pub(crate) fn is_in_order(&self) -> bool {
        self.owed.is_empty() && self.stream.is_none()
    }

    /// Answers that other cores owe, and those behind them.
    pub(crate) fn owed(&self) -> usize {
        self.owed.len()
    }

    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.lanes.iter().map(|lane| lane.bytes.len()).sum::<usize>()
    }

    /// Bytes that wait and are in order.
    pub(crate) fn ready_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The buffer for an answer that is in order. Say afterwards what it observed: [`Output::mark`].
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// All bytes until now wait for `position`, unless `released` has reached it.
    #[inline]
    pub(crate) fn mark(&mut self, position: u64, released: u64) {
        if position <= released && self.marks.is_empty() {
            return;
        }
        let end = self.bytes.len();
        match self.marks.back_mut() {
            Some(last) if position <= last.position => last.end = end,
            Some(last) if last.end == end => last.position = position,
            _ => self.marks.push_back(Mark { end, position }),
        }
    }

    fn lane(&mut self, core: u16) -> &mut Lane {
        let at = usize::from(core);
        if self.lanes.len() <= at {
            self.lanes.resize_with(at + 1, Lane::default);
        }
        &mut self.lanes[at]
    }

    /// The next answer will come from `core`.
    pub(crate) fn owe(&mut self, core: u16, silent: bool) {
        // The lane is there before its first answer.
        self.lane(core);
        self.owed.push_back(Owed { core, silent, asks_memcached: self.asks_memcached });
    }

    /// The answer that was written behind the first `before` bytes is not sent where it is an error.
    pub(crate) fn drop_memcached_error(&mut self, before: usize) {
        if self.bytes.get(before..).is_some_and(is_memcached_error) {
            self.bytes.truncate(before);
            self.marks.iter_mut().for_each(|mark| mark.end = mark.end.min(before));
        }
    }

    /// The one answer that is owed will not come.
    pub(crate) fn disown(&mut self) {
        self.owed.pop_back();
    }

    /// The buffer of `core`'s lane; [`Output::paid`] must follow with the length of what was added.
    pub(crate) fn lane_buffer(&mut self, core: u16) -> &mut Vec<u8> {
        &mut self.lane(core).bytes
    }

    /// An answer of `length` bytes was added to `core`'s lane.
    pub(crate) fn paid(&mut self, core: u16, length: usize, observed: u64) {
        self.pay(core, Paid { length, observed, stream: None });
    }

    /// As [`Output::paid`], for an answer of which `stream` is the rest.
    pub(crate) fn paid_in_parts(
        &mut self,
        core: u16,
        length: usize,
        observed: u64,
        stream: Stream,
    ) {
        self.pay(core, Paid { length, observed, stream: Some(Box::new(stream)) });
    }

    fn pay(&mut self, core: u16, paid: Paid) {
        self.lane(core).answers.push_back(paid);
    }

    /// Whether all answers of `core` that came are in order.
    pub(crate) fn is_merged(&self, core: u16) -> bool {
        self.lanes.get(usize::from(core)).is_none_or(|lane| lane.answers.is_empty())
    }

    /// Bytes that nobody asked for: they leave behind all that is owed by now.
    pub(crate) fn push(&mut self, own: u16, released: u64, bytes: &[u8]) {
        if self.is_in_order() {
            self.bytes.extend_from_slice(bytes);
            self.mark(0, released);
            return;
        }
        self.lane_buffer(own).extend_from_slice(bytes);
        self.owe(own, false);
        self.paid(own, bytes.len(), 0);
    }

    // ---- long strings

    /// The string that is on its way.
    pub(crate) fn stream(&self) -> Option<Stream> {
        self.stream
    }

    /// The rest of the answer that was written last comes in parts.
    pub(crate) fn begin_stream(&mut self, stream: Stream) {
        self.stream = Some(stream);
    }

    /// The next part was asked for.
    pub(crate) fn ask_stream(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.is_asked = true;
        }
    }

    /// A part came. Gives the stream when it was the last.
    pub(crate) fn stream_part(&mut self, bytes: &[u8]) -> Option<Stream> {
        self.stream.as_ref()?;
        self.bytes.extend_from_slice(bytes);
        self.stream_came(bytes.len())
    }

    /// As [`Output::stream_part`], for so many bytes that were added to the buffer.
    pub(crate) fn stream_came(&mut self, bytes: usize) -> Option<Stream> {
        let stream = self.stream.as_mut()?;
        (stream.at, stream.is_asked) = (stream.at + bytes as u64, false);
        stream.bytes_left = stream.bytes_left.saturating_sub(bytes as u64);
        if stream.bytes_left > 0 {
            return None;
        }
        self.bytes.extend_from_slice(b"\r\n");
        self.stream.take()
    }

    /// All strings that are on their way or will be: the client has gone.
    pub(crate) fn streams(&self) -> impl Iterator<Item = Stream> + '_ {
        let waiting = self.lanes.iter().flat_map(|lane| &lane.answers);
        self.stream.into_iter().chain(waiting.filter_map(|paid| paid.stream.as_deref().copied()))
    }

    /// An answer of another core came, which has observed nothing that is not released: it goes straight to the end where it is
    /// the next in order, and to its lane otherwise. [`Output::merge`] must follow the last of them.
    #[inline]
    pub(crate) fn arrived(&mut self, core: u16, answer: &[u8], released: u64) {
        if self.owed.front().is_some_and(|owed| owed.core != core) {
            self.merge(released);
        }
        let lane = &mut self.lanes[usize::from(core)];
        match self.owed.front() {
            Some(&owed)
                if owed.core == core && self.stream.is_none() && lane.answers.is_empty() =>
            {
                if owed.shows(answer) {
                    self.bytes.extend_from_slice(answer);
                }
                self.owed.pop_front();
                self.mark(0, released);
            }
            _ => {
                lane.bytes.extend_from_slice(answer);
                self.paid(core, answer.len(), 0);
            }
        }
    }

    /// Moves what is in order now from the lanes to the end.
    pub(crate) fn merge(&mut self, released: u64) {
        while self.stream.is_none()
            && let Some(&owed) = self.owed.front()
        {
            let lane = &mut self.lanes[usize::from(owed.core)];
            let Some(Paid { length, observed, stream }) = lane.answers.pop_front() else { break };
            let answer = &lane.bytes[lane.taken..lane.taken + length];
            if owed.shows(answer) {
                self.bytes.extend_from_slice(answer);
            }
            lane.taken += length;
            if lane.taken == lane.bytes.len() {
                lane.bytes.clear();
                lane.bytes.shrink_to(OUTPUT_KEEP_BYTES);
                lane.taken = 0;
            }
            self.owed.pop_front();
            self.mark(observed, released);
            self.stream = stream.map(|stream| *stream);
        }
    }

    /// Takes the bytes that may leave now: all of them by exchange, or a part. `out` is empty before.
    pub(crate) fn take_released(&mut self, released: u64, out: &mut Vec<u8>) {
        debug_assert!(out.is_empty());
        let mut end = 0;
        while let Some(mark) = self.marks.front() {
            if mark.position > released {
                break;
            }
            end = mark.end;
            self.marks.pop_front();
        }
        if self.marks.is_empty() {
            std::mem::swap(&mut self.bytes, out);
            return;
        }
        out.extend(self.bytes.drain(..end));
        for mark in &mut self.marks {
            mark.end -= end;
        }
    }

    /// Whether something waits for the log beyond `position`.
    pub(crate) fn observes_beyond(&self, position: u64) -> bool {
        self.marks.iter().any(|mark| mark.position > position)
    }

    /// Whether something waits for the log.
    pub(crate) fn waits_for_log(&self) -> bool {
        !self.marks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(output: &mut Output, released: u64) -> Vec<u8> {
        let mut out = Vec::new();
        output.take_released(released, &mut out);
        out
    }

    #[test]
    fn an_answer_waits_for_what_it_observed_and_no_longer() {
        let mut output = Output::default();
        output.buffer().extend_from_slice(b"a");
        output.mark(10, 0);
        output.buffer().extend_from_slice(b"b");
        output.mark(20, 0);
        output.buffer().extend_from_slice(b"c");
        output.mark(0, 0);
        assert_eq!(taken(&mut output, 9), b"");
        assert_eq!(
            taken(&mut output, 10),
            b"a",
            "the older answer does not wait for the newer write"
        );
        assert_eq!(taken(&mut output, 19), b"");
        assert_eq!(taken(&mut output, 20), b"bc");
        assert!(!output.waits_for_log());
    }

    #[test]
    fn answers_of_other_cores_are_put_back_in_order() {
        let mut output = Output::default();
        for core in [1, 0, 2, 1] {
            output.owe(core, false);
        }
        output.owe(0, true);
        output.merge(0);
        assert!(output.is_empty(), "nothing is merged before the first answer");
        for (core, text) in [(0, "own"), (1, "one"), (2, "two"), (0, "silent")] {
            output.lane_buffer(core).extend_from_slice(text.as_bytes());
            output.paid(core, text.len(), 0);
        }
        output.merge(0);
        assert_eq!(output.buffer().as_slice(), b"oneowntwo");
        output.lane_buffer(1).extend_from_slice(b"last");
        output.paid(1, 4, 7);
        output.merge(0);
        assert!(output.is_in_order());
        assert_eq!(taken(&mut output, 6), b"", "one buffer, one mark at its end");
        assert_eq!(taken(&mut output, 7), b"oneowntwolast");
    }

    #[test]
    fn what_nobody_asked_for_leaves_behind_what_was_owed_before() {
        let mut output = Output::default();
        output.buffer().extend_from_slice(b"a");
        output.mark(10, 0);
        output.push(0, 0, b"1");
        assert_eq!(taken(&mut output, 9), b"", "it does not overtake what waits for the log");
        assert_eq!(taken(&mut output, 10), b"a1");
        output.owe(1, false);
        output.push(0, 10, b"2");
        output.owe(1, false);
        output.push(0, 10, b"3");
        assert_eq!(taken(&mut output, 10), b"", "nor what another core owes");
        output.arrived(1, b"b", 10);
        output.merge(10);
        assert_eq!(taken(&mut output, 10), b"b2");
        output.arrived(1, b"c", 10);
        output.merge(10);
        assert_eq!(taken(&mut output, 10), b"c3");
        assert!(output.is_in_order());
    }

    #[test]
    fn answers_that_arrive_are_in_order_whichever_core_is_first() {
        // Our own core is 0. Of the others' answers some are the next in order, some are not, and one is not wanted.
        let owed = [(1, false), (0, false), (1, false), (2, false), (1, true), (1, false)];
        for order in [[1, 1, 1, 1, 2], [2, 1, 1, 1, 1], [1, 2, 1, 1, 1], [1, 1, 2, 1, 1]] {
            let (mut output, mut sent) = (Output::default(), 0);
            for (core, silent) in owed {
                output.owe(core, silent);
            }
            output.lane_buffer(0).extend_from_slice(b"own ");
            output.paid(0, 4, 5);
            for core in order {
                sent += usize::from(core == 1);
                let answer = if core == 2 { "two ".to_owned() } else { format!("one{sent} ") };
                output.arrived(core, answer.as_bytes(), 9);
            }
            output.merge(9);
            assert!(output.is_in_order(), "{order:?}");
            assert_eq!(taken(&mut output, 9), b"one1 own one2 two one4 ", "{order:?}");
        }
    }
}
