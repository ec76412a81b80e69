//! Owns the sparse form: runs of registers with the same number.
//!
//! `00nnnnnn`: n + 1 zeros. `01nnnnnn nnnnnnnn`: n + 1 zeros. `1vvvvvnn`: n + 1 registers with v + 1.

use super::{REGISTERS, SPARSE_BYTES_MAX};

const ZEROS_SHORT_MAX: usize = 64;
const RUN_MAX: usize = 4;
/// The highest number that a run can have.
const NUMBER_MAX: u8 = 32;
/// Runs that are looked at for neighbours alike, beginning before the one that changed.
const MERGED_MAX: usize = 5;

/// Registers one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) registers: usize,
    pub(super) number: u8,
    /// Bytes that it is written in.
    pub(super) bytes: usize,
}

/// What became of a register that was to be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// It is as high already.
    No,
    Yes,
    /// It does not fit this form.
    DoesNotFit,
}

/// The runs are not those of all registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Corrupt;

impl Run {
    /// Reads the run at the front; `None` when there is none or only a half.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (registers, number, length) = match *bytes {
            [first, ..] if first & 0x80 != 0 => {
                (usize::from(first & 0x03) + 1, (first >> 2 & 0x1f) + 1, 1)
            }
            [first, ..] if first & 0x40 == 0 => (usize::from(first) + 1, 0, 1),
            [first, second, ..] => {
                (usize::from(u16::from_be_bytes([first & 0x3f, second])) + 1, 0, 2)
            }
            _ => return None,
        };
        Some(Self { registers, number, bytes: length })
    }
}

/// The runs, in order.
pub(super) fn runs(bytes: &[u8]) -> impl Iterator<Item = Run> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let run = Run::read(rest)?;
        rest = &rest[run.bytes..];
        Some(run)
    })
}

/// Checks that the runs are those of all registers.
pub(super) fn check(bytes: &[u8]) -> Result<(), Corrupt> {
    let (mut registers, mut read) = (0, 0);
    for run in runs(bytes) {
        registers += run.registers;
        read += run.bytes;
    }
    if registers == REGISTERS && read == bytes.len() { Ok(()) } else { Err(Corrupt) }
}

/// One run of zeros.
pub(super) fn empty() -> Vec<u8> {
    let mut bytes = Vec::new();
    push_zeros(&mut bytes, REGISTERS);
    bytes
}

fn push_zeros(out: &mut Vec<u8>, registers: usize) {
    let Some(length) = registers.checked_sub(1) else { return };
    let [high, low] = u16::try_from(length).expect("there are few registers").to_be_bytes();
    if registers > ZEROS_SHORT_MAX {
        out.push(high | 0x40);
    }
    out.push(low);
}

fn push_run(out: &mut Vec<u8>, number: u8, registers: usize) {
    let Some(length) = registers.checked_sub(1) else { return };
    let length = u8::try_from(length).expect("runs are short");
    out.push(0x80 | (number - 1) << 2 | length);
}

/// Raises a register to `number`. `header_bytes` count against the limit of this form.
pub(super) fn raise(
    bytes: &mut Vec<u8>,
    header_bytes: usize,
    register: usize,
    number: u8,
) -> Result<Raised, Corrupt> {
    if number > NUMBER_MAX {
        return Ok(Raised::DoesNotFit);
    }
    let (mut at, mut first, mut before) = (header_bytes, 0, header_bytes);
    let run = loop {
        let run = Run::read(&bytes[at..]).ok_or(Corrupt)?;
        if register < first + run.registers {
            break run;
        }
        first += run.registers;
        before = at;
        at += run.bytes;
    };
    if run.number >= number {
        return Ok(Raised::No);
    }
    let mut instead = Vec::with_capacity(5);
    let (left, right) = (register - first, first + run.registers - 1 - register);
    let mut push = |registers, number| match number {
        0 => push_zeros(&mut instead, registers),
        _ => push_run(&mut instead, number, registers),
    };
    push(left, run.number);
    push(1, number);
    push(right, run.number);
    if instead.len() > run.bytes && bytes.len() + instead.len() - run.bytes > SPARSE_BYTES_MAX {
        return Ok(Raised::DoesNotFit);
    }
    bytes.splice(at..at + run.bytes, instead);
    merge(bytes, before);
    Ok(Raised::Yes)
}

/// Puts neighbours with the same number into one run, from the run at `at` on.
fn merge(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..MERGED_MAX {
        let Some(run) = bytes.get(at..).and_then(Run::read) else { return };
        let next = bytes.get(at + run.bytes..).and_then(Run::read);
        let is_alike = |next: &Run| {
            run.number > 0 && next.number == run.number && run.registers + next.registers <= RUN_MAX
        };
        if let Some(next) = next.filter(is_alike) {
            let mut both = Vec::with_capacity(1);
            push_run(&mut both, run.number, run.registers + next.registers);
            bytes.splice(at..at + 2, both);
        } else {
            at += run.bytes;
        }
    }
}
