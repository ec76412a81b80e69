//! Owns a sketch as bytes in hand, header and registers, whatever its form.

use super::super::error::CommandError;
use super::estimate::{Histogram, estimate};
use super::header::{self, Form, HEADER_BYTES};
use super::sparse::Raised;
use super::{REGISTERS, dense, hash, sparse};

const CORRUPT: CommandError = CommandError::Says("INVALIDOBJ Corrupted HLL object detected");

/// The highest numbers of several sketches, `[REGISTERS]`.
pub(super) type Registers = Vec<u8>;

/// A sketch whose header is right. Its runs may be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sketch {
    pub(super) bytes: Vec<u8>,
    pub(super) form: Form,
}

impl Sketch {
    pub(super) fn new() -> Self {
        let bytes = [&header::header(Form::Sparse)[..], &sparse::empty()].concat();
        Self { bytes, form: Form::Sparse }
    }

    /// Takes the bytes of a string.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, CommandError> {
        Ok(Self { form: header::form_of(bytes)?, bytes: bytes.to_vec() })
    }

    /// Counts an element. `true`: a register was raised.
    pub(super) fn add(&mut self, element: &[u8]) -> Result<bool, CommandError> {
        let (register, number) = hash::place_of(element);
        self.raise(register, number)
    }

    /// Raises a register to `number`; `false` when it is as high already.
    pub(super) fn raise(&mut self, register: usize, number: u8) -> Result<bool, CommandError> {
        if self.form == Form::Sparse {
            let raised = sparse::raise(&mut self.bytes, HEADER_BYTES, register, number);
            match raised.map_err(|_| CORRUPT)? {
                Raised::No => return Ok(false),
                Raised::Yes => return Ok(true),
                Raised::DoesNotFit => drop(self.make_dense()?),
            }
        }
        Ok(dense::raise(&mut self.bytes[HEADER_BYTES..], register, number))
    }

    /// Writes the registers one after the other; the estimate stays. `false`: they are so already.
    pub(super) fn make_dense(&mut self) -> Result<bool, CommandError> {
        if self.form == Form::Dense {
            return Ok(false);
        }
        let runs = &self.bytes[HEADER_BYTES..];
        sparse::check(runs).map_err(|_| CORRUPT)?;
        let mut bytes = vec![0; HEADER_BYTES + dense::BYTES];
        bytes[..HEADER_BYTES].copy_from_slice(&header::header(Form::Dense));
        bytes[8..HEADER_BYTES].copy_from_slice(&self.bytes[8..HEADER_BYTES]);
        let mut register = 0;
        for run in sparse::runs(runs) {
            if run.number > 0 {
                for register in register..register + run.registers {
                    dense::raise(&mut bytes[HEADER_BYTES..], register, run.number);
                }
            }
            register += run.registers;
        }
        *self = Self { bytes, form: Form::Dense };
        Ok(true)
    }

    /// The registers changed.
    pub(super) fn make_old(&mut self) {
        header::make_old(&mut self.bytes);
    }
}

/// The estimate of a sketch that lies somewhere: as it was kept, or worked out, and which.
pub(super) fn count(bytes: &[u8]) -> Result<(u64, bool), CommandError> {
    let form = header::form_of(bytes)?;
    if let Some(count) = header::estimate(bytes) {
        return Ok((count, false));
    }
    let mut histogram: Histogram = [0; 64];
    let registers = &bytes[HEADER_BYTES..];
    match form {
        Form::Dense => {
            dense::numbers(registers).for_each(|number| histogram[usize::from(number)] += 1);
        }
        Form::Sparse => {
            sparse::check(registers).map_err(|_| CORRUPT)?;
            for run in sparse::runs(registers) {
                histogram[usize::from(run.number)] +=
                    u32::try_from(run.registers).expect("there are few registers");
            }
        }
    }
    Ok((estimate(&histogram), true))
}

/// Raises registers to those of a sketch that lies somewhere. Gives its form.
pub(super) fn merge(registers: &mut Registers, bytes: &[u8]) -> Result<Form, CommandError> {
    registers.resize(REGISTERS, 0);
    let form = header::form_of(bytes)?;
    let from = &bytes[HEADER_BYTES..];
    match form {
        Form::Dense => registers
            .iter_mut()
            .zip(dense::numbers(from))
            .for_each(|(register, number)| *register = (*register).max(number)),
        Form::Sparse => {
            sparse::check(from).map_err(|_| CORRUPT)?;
            let mut at = 0;
            for run in sparse::runs(from) {
                let end = at + run.registers;
                registers[at..end]
                    .iter_mut()
                    .for_each(|number| *number = (*number).max(run.number));
                at = end;
            }
        }
    }
    Ok(form)
}

/// The estimate of registers in hand.
pub(super) fn count_registers(registers: &Registers) -> u64 {
    let mut histogram: Histogram = [0; 64];
    registers.iter().for_each(|&number| histogram[usize::from(number & 63)] += 1);
    histogram[0] += u32::try_from(REGISTERS - registers.len()).expect("there are few registers");
    estimate(&histogram)
}
