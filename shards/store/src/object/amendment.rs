//! Owns the bytes of an amendment: a change of an object in words that mean the same on every replica, whatever ids and numbers its chunks
//! have there. Chunks are named by their index in the object.
//!
//! Type u8, number of chunks before u32, then steps, each a byte and what follows. 0, bytes are replaced: chunk u32, length u32, splices
//! as in a delta. 1, a chunk goes: chunk u32. 2, chunks come in: the one before them u32, their number u32, each: length u32, bytes.

use super::ValueType;
use super::change::{Edit, Insert};
use super::format::{SPLICE_HEAD_BYTES, push_splice};
use crate::record::read_u32;

const SPLICE: u8 = 0;
const REMOVE: u8 = 1;
const INSERT: u8 = 2;

/// Bytes that a record of a chunk takes beside what it says, at most, with what its append asks for.
const RECORD_BYTES: usize = 96;

/// What an amendment says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Amendment<'a> {
    /// What the object is.
    pub(crate) value_type: ValueType,
    /// Its chunks before.
    pub(crate) chunks: usize,
    pub(crate) edits: Vec<Edit<'a>>,
    /// Index of the chunk before them, and the chunks.
    inserts: Vec<(usize, Vec<Vec<&'a [u8]>>)>,
}

/// The bytes of a change of an object that has so many chunks.
pub(crate) fn encode(
    value_type: ValueType,
    chunks: usize,
    edits: &[Edit<'_>],
    inserts: &[Insert<'_>],
) -> Vec<u8> {
    let mut out = vec![value_type.0];
    push_u32(&mut out, chunks);
    // Where the splices of the chunk before begin.
    let mut last: Option<(usize, usize)> = None;
    for edit in edits {
        match *edit {
            Edit::Splice { chunk, at, removed, inserted } => {
                let begin = match last {
                    Some((before, begin)) if before == chunk => begin,
                    _ => {
                        out.push(SPLICE);
                        push_u32(&mut out, chunk);
                        push_u32(&mut out, 0);
                        out.len()
                    }
                };
                push_splice(&mut out, at, removed, inserted);
                let bytes = length(out.len() - begin).to_le_bytes();
                out[begin - 4..begin].copy_from_slice(&bytes);
                last = Some((chunk, begin));
            }
            Edit::Remove { chunk } => {
                out.push(REMOVE);
                push_u32(&mut out, chunk);
                last = None;
            }
        }
    }
    for insert in inserts.iter().filter(|insert| !insert.chunks.is_empty()) {
        out.push(INSERT);
        push_u32(&mut out, insert.after);
        push_u32(&mut out, insert.chunks.len());
        for parts in insert.chunks {
            push_u32(&mut out, parts.iter().map(|part| part.len()).sum());
            parts.iter().for_each(|part| out.extend_from_slice(part));
        }
    }
    out
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("chunks are counted in 32 bits")
}

fn push_u32(out: &mut Vec<u8>, number: usize) {
    out.extend_from_slice(&length(number).to_le_bytes());
}

impl<'a> Amendment<'a> {
    /// Reads one. `None`: it is none. Whether it fits an object is not looked at, but that its indexes are below the number of chunks.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, mut rest) = bytes.split_at_checked(5)?;
        let chunks = read_u32(head, 1) as usize;
        let mut read =
            Self { value_type: ValueType(head[0]), chunks, edits: Vec::new(), inserts: Vec::new() };
        while let Some((&step, behind)) = rest.split_first() {
            rest = behind;
            let chunk = take_u32(&mut rest).filter(|&chunk| chunk < chunks)?;
            match step {
                SPLICE => {
                    let bytes = take_u32(&mut rest)?;
                    let mut splices = take(&mut rest, bytes)?;
                    while !splices.is_empty() {
                        let head = take(&mut splices, SPLICE_HEAD_BYTES)?;
                        let word =
                            |at: usize| usize::from(u16::from_le_bytes([head[at], head[at + 1]]));
                        let inserted = take(&mut splices, word(4))?;
                        let (at, removed) = (word(0), word(2));
                        read.edits.push(Edit::Splice { chunk, at, removed, inserted });
                    }
                }
                REMOVE if chunk > 0 => read.edits.push(Edit::Remove { chunk }),
                INSERT => {
                    let count = take_u32(&mut rest)?;
                    let mut new = Vec::new();
                    for _ in 0..count {
                        let bytes = take_u32(&mut rest)?;
                        new.push(vec![take(&mut rest, bytes)?]);
                    }
                    read.inserts.push((chunk, new));
                }
                _ => return None,
            }
        }
        (!read.edits.is_empty() || !read.inserts.is_empty()).then_some(read)
    }

    /// What comes in.
    pub(crate) fn inserts(&self) -> Vec<Insert<'_>> {
        self.inserts.iter().map(|(after, chunks)| Insert { after: *after, chunks }).collect()
    }

    /// Bytes of the longest chunk that comes in.
    pub(crate) fn inserted_max(&self) -> usize {
        let chunks = self.inserts.iter().flat_map(|(_, chunks)| chunks).flatten();
        chunks.map(|chunk| chunk.len()).max().unwrap_or(0)
    }

    /// Bytes of the records that it is carried out with, at most.
    pub(crate) fn room(&self) -> usize {
        room(&self.edits, &self.inserts())
    }
}

/// Bytes of the records that a change of an object is carried out with, at most, where no chunk is written anew.
pub(crate) fn room(edits: &[Edit<'_>], inserts: &[Insert<'_>]) -> usize {
    let edits = edits.iter().map(|edit| match edit {
        Edit::Splice { inserted, .. } => RECORD_BYTES + SPLICE_HEAD_BYTES + inserted.len(),
        Edit::Remove { .. } => RECORD_BYTES,
    });
    let chunk = |parts: &Vec<&[u8]>| parts.iter().map(|part| part.len()).sum::<usize>();
    let inserts = inserts.iter().map(|insert| {
        let chunks = insert.chunks.iter().map(|parts| RECORD_BYTES + chunk(parts));
        RECORD_BYTES + chunks.sum::<usize>()
    });
    edits.sum::<usize>() + inserts.sum::<usize>()
}

fn take<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let (part, behind) = rest.split_at_checked(bytes)?;
    *rest = behind;
    Some(part)
}

fn take_u32(rest: &mut &[u8]) -> Option<usize> {
    take(rest, 4).map(|bytes| read_u32(bytes, 0) as usize)
}
