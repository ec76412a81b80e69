//! Owns objects as they will be when their amendments that wait have taken effect: what a leader's next commands see. The object itself stays
//! as it is applied; beside it lie the chunks that will be others, and the order where that will be another.

use super::change::{Edit, Insert};
use super::format::splice;
use super::{Chunks, Notes, Object, Objects};
use crate::log::Log;
use hyperion_model::collections::Map;
use std::collections::VecDeque;

/// Bytes of a chunk in the map, and of a step that waits, about.
const CHUNK_HEAP_BYTES: usize = 64;
const STEP_HEAP_BYTES: usize = 64;

/// A chunk as it will be.
#[derive(Debug)]
struct Altered {
    bytes: Vec<u8>,
    /// The last step that is about it.
    step: u64,
}

/// An amendment that waits.
#[derive(Debug)]
struct Step {
    /// Numbers of the chunks that it is about, new ones too.
    touched: Vec<u32>,
    /// The number that its first new chunk gets.
    first_new: u32,
    /// Chunks come or go.
    moves: bool,
}

/// An object as it will be.
#[derive(Debug, Default)]
pub(crate) struct Foreseen {
    /// Numbers of the chunks; `None`: they are those of the object, in its order.
    order: Option<Vec<u32>>,
    /// Those that are not as the object has them.
    chunks: Map<u32, Altered>,
    steps: VecDeque<Step>,
    /// Steps that have taken effect: the number of the first that waits.
    applied: u64,
    /// Steps that wait and in which chunks come or go.
    moving: usize,
    bytes: usize,
    altered_bytes: usize,
    /// Steps in all: what notes are told apart by.
    pub(super) version: u64,
    pub(super) notes: Option<Box<Notes>>,
}

impl Foreseen {
    fn of(object: &mut Object) -> Self {
        let are_noted = object.has_notes();
        let mut notes = object.notes.take().filter(|_| are_noted);
        if let Some(notes) = &mut notes {
            notes.at = 0;
        }
        Self { bytes: object.bytes, notes, ..Self::default() }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        let order = self.order.as_ref().map_or(0, |order| order.capacity() * size_of::<u32>());
        let notes = self.notes.as_ref().map_or(0, |notes| notes.heap_bytes());
        let chunks = self.chunks.len() * CHUNK_HEAP_BYTES + self.altered_bytes;
        size_of::<Self>() + order + notes + chunks + self.steps.len() * STEP_HEAP_BYTES
    }

    fn number(&self, object: &Object, index: usize) -> u32 {
        self.order.as_ref().map_or_else(|| object.order[index].number, |order| order[index])
    }

    /// A chunk, to be changed by the step that comes.
    fn alter(&mut self, log: &Log, object: &Object, number: u32) -> &mut Altered {
        let step = self.applied + self.steps.len() as u64;
        let altered_bytes = &mut self.altered_bytes;
        let altered = self.chunks.entry(number).or_insert_with(|| {
            let bytes = object.chunks[number].content(log).to_vec();
            *altered_bytes += bytes.len();
            Altered { bytes, step }
        });
        altered.step = step;
        altered
    }

    /// Takes a change in, as [`super::Object`] will carry it out.
    fn push(&mut self, log: &Log, object: &mut Object, edits: &[Edit<'_>], inserts: &[Insert<'_>]) {
        let step = self.applied + self.steps.len() as u64;
        let (mut touched, mut removed) = (Vec::new(), Vec::new());
        for edit in edits {
            match *edit {
                Edit::Splice { chunk, at, removed, inserted } => {
                    let number = self.number(object, chunk);
                    if touched.last() != Some(&number) {
                        touched.push(number);
                    }
                    let altered = self.alter(log, object, number);
                    splice(&mut altered.bytes, at, removed, inserted);
                    self.bytes = self.bytes - removed + inserted.len();
                    self.altered_bytes = self.altered_bytes - removed + inserted.len();
                }
                Edit::Remove { chunk } => removed.push(chunk),
            }
        }
        removed.sort_unstable();
        removed.dedup();
        let first_new = object.number_next;
        let mut come: Vec<(usize, Vec<u32>)> = Vec::new();
        for insert in inserts.iter().filter(|insert| !insert.chunks.is_empty()) {
            let mut numbers = Vec::with_capacity(insert.chunks.len());
            for parts in insert.chunks {
                let bytes = parts.concat();
                self.bytes += bytes.len();
                self.altered_bytes += bytes.len();
                self.chunks.insert(object.number_next, Altered { bytes, step });
                numbers.push(object.number_next);
                touched.push(object.number_next);
                object.number_next += 1;
            }
            come.push((insert.after, numbers));
        }
        let moves = !removed.is_empty() || !come.is_empty();
        if moves {
            let mut order = self.order.take().unwrap_or_else(|| object.numbers().collect());
            for &index in &removed {
                let number = order[index];
                match self.chunks.remove(&number) {
                    Some(altered) => {
                        self.bytes -= altered.bytes.len();
                        self.altered_bytes -= altered.bytes.len();
                    }
                    None => self.bytes -= object.chunks[number].len(),
                }
            }
            rearrange(&mut order, &removed, come);
            self.order = Some(order);
            self.moving += 1;
        }
        self.steps.push_back(Step { touched, first_new, moves });
        self.version += 1;
    }

    /// The first step has taken effect.
    fn pop(&mut self, log: &Log, object: &Object) {
        let step = self.steps.pop_front().expect("it waits");
        for number in step.touched {
            if self.chunks.get(&number).is_some_and(|altered| altered.step == self.applied) {
                let altered = self.chunks.remove(&number).expect("looked at above");
                self.altered_bytes -= altered.bytes.len();
                debug_assert!(
                    object.chunks[number].content(log) == altered.bytes,
                    "chunk {number} became another than was foreseen"
                );
            }
        }
        self.applied += 1;
        self.moving -= usize::from(step.moves);
        if self.moving == 0
            && let Some(order) = self.order.take()
        {
            debug_assert!(object.numbers().eq(order), "the order became another than was foreseen");
        }
    }
}

/// Places in which chunks are put in one after the other, each of which moves what is behind.
const INSERTS_SPLICED_MAX: usize = 8;

/// Takes chunks out of an order and puts others in, each behind one as it was before.
pub(super) fn rearrange<T: Copy>(
    order: &mut Vec<T>,
    removed: &[usize],
    mut come: Vec<(usize, Vec<T>)>,
) {
    if !removed.is_empty() {
        let mut index = 0;
        order.retain(|_| {
            index += 1;
            removed.binary_search(&(index - 1)).is_err()
        });
    }
    come.sort_unstable_by_key(|(after, _)| *after);
    let place = |after: usize| after + 1 - removed.partition_point(|&index| index < after);
    if come.len() <= INSERTS_SPLICED_MAX {
        for (after, numbers) in come.into_iter().rev() {
            let at = place(after);
            order.splice(at..at, numbers);
        }
        return;
    }
    let mut joined = Vec::with_capacity(order.len() + come.len());
    let mut copied = 0;
    for (after, numbers) in come {
        joined.extend_from_slice(&order[copied..place(after)]);
        joined.extend(numbers);
        copied = place(after);
    }
    joined.extend_from_slice(&order[copied..]);
    *order = joined;
}

impl<'a> Chunks<'a> {
    /// Number of chunks.
    pub(crate) fn count(self) -> usize {
        let order = self.foreseen.and_then(|foreseen| foreseen.order.as_ref());
        order.map_or(self.object.order.len(), Vec::len)
    }

    /// Bytes of all chunks.
    pub(crate) fn bytes(self) -> usize {
        self.foreseen.map_or(self.object.bytes, |foreseen| foreseen.bytes)
    }

    /// The bytes of the chunk at `index`.
    #[inline]
    pub(crate) fn chunk(self, index: usize) -> &'a [u8] {
        match self.foreseen {
            None => self.object.chunk(self.log, index),
            Some(foreseen) => self.foreseen_chunk(foreseen, index),
        }
    }

    #[cold]
    fn foreseen_chunk(self, foreseen: &'a Foreseen, index: usize) -> &'a [u8] {
        let number = foreseen.number(self.object, index);
        match foreseen.chunks.get(&number) {
            Some(altered) => &altered.bytes,
            None => self.object.chunks[number].content(self.log),
        }
    }
}

impl Objects {
    /// What an object will be; `None`: what it is.
    #[inline]
    pub(crate) fn foreseen(&self, id: u64) -> Option<&Foreseen> {
        if self.foreseen.is_empty() { None } else { self.foreseen.get(&id).map(|it| &**it) }
    }

    /// A change of an object waits, behind those that wait already.
    pub(crate) fn foresee(
        &mut self,
        log: &Log,
        id: u64,
        edits: &[Edit<'_>],
        inserts: &[Insert<'_>],
    ) {
        self.with_foreseen(id, |foreseen, object| foreseen.push(log, object, edits, inserts));
    }

    /// What is foreseen of an object is told anew when it is asked for.
    pub(crate) fn forget_foreseen(&mut self, id: u64) {
        if let Some(foreseen) = self.foreseen.remove(&id) {
            self.heap_bytes -= foreseen.heap_bytes();
        }
    }

    /// The number that the first new chunk of the next step gets, where that is foreseen.
    pub(super) fn foreseen_number(&self, id: u64) -> Option<u32> {
        self.foreseen(id)?.steps.front().map(|step| step.first_new)
    }

    /// The next step has taken effect, if it was foreseen.
    pub(super) fn has_come(&mut self, log: &Log, id: u64) {
        if self.foreseen(id).is_none() {
            return;
        }
        self.with_foreseen(id, |foreseen, object| foreseen.pop(log, object));
        if self.foreseen[&id].steps.is_empty() {
            let mut foreseen = self.foreseen.remove(&id).expect("looked at above");
            self.heap_bytes -= foreseen.heap_bytes();
            if let Some(notes) = foreseen.notes.take_if(|notes| notes.at == foreseen.version) {
                self.with_notes(id, |object| object.notes = Some(notes));
            }
        }
    }

    /// Changes what is foreseen of an object, from what it is where nothing was.
    pub(super) fn with_foreseen(
        &mut self,
        id: u64,
        change: impl FnOnce(&mut Foreseen, &mut Object),
    ) {
        let object = self.objects.get_mut(&id).expect("a head is indexed only with its object");
        let before = object.note_bytes() + self.foreseen.get(&id).map_or(0, |it| it.heap_bytes());
        let noted = object.note_bytes();
        let foreseen = self.foreseen.entry(id).or_insert_with(|| Box::new(Foreseen::of(object)));
        change(foreseen, object);
        let noted_after = object.note_bytes();
        object.heap_bytes = object.heap_bytes - noted + noted_after;
        self.heap_bytes = self.heap_bytes - before + noted_after + foreseen.heap_bytes();
    }
}
