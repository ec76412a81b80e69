//! Owns BITFIELD: integers of any width at any bit of a string, read, set and counted, several at once.

use super::super::context::{Context, is_word};
use super::super::error::CommandError;
use super::super::range::{WHOLE_BYTES_MAX, write_over};
use super::bit::{one_byte, parse_offset};
use super::integer::{IntegerType, Overflow};
use hyperion_model::EventClass;
use hyperion_model::number::parse_integer;
use hyperion_store::{Found, Key};

type Done = Result<(), CommandError>;

#[derive(Clone, Copy, Debug)]
enum Action {
    Get,
    Set(i64),
    Add(i64),
}

/// One of the things to be done, in order.
#[derive(Clone, Copy, Debug)]
struct Step {
    action: Action,
    integer: IntegerType,
    /// In bits.
    offset: usize,
    overflow: Overflow,
}

impl Step {
    /// The bytes that its integer touches.
    fn bytes(&self) -> (usize, usize) {
        (self.offset >> 3, (self.offset + self.integer.bits as usize).div_ceil(8))
    }

    fn writes(&self) -> bool {
        !matches!(self.action, Action::Get)
    }
}

/// Bytes of a string that steps work on, and where they begin in it.
struct Run {
    start: usize,
    bytes: Vec<u8>,
    is_changed: bool,
}

/// `BITFIELD key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] SET type offset value | INCRBY type offset amount] ...`
pub(in super::super) fn bitfield(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let steps = parse(&arguments[2..], context.value_bytes_max)?;
    let Some(end) = written_end(&steps) else { return read(context, arguments, &steps) };
    if end as u64 > context.value_bytes_max {
        return Err(CommandError::TooLong);
    }
    let key = context.first_key(arguments)?;
    let found = context.find_string(&key)?;
    let before_bytes = found.map_or(0, |found| context.store.value(&found).len());
    let mut runs = load(context, found.as_ref(), &steps, before_bytes.max(end));
    let answers: Vec<Option<i64>> = steps.iter().map(|step| take(&mut runs, step)).collect();
    let mut done = steps.iter().zip(&answers);
    let has_changed = done.any(|(step, answer)| step.writes() && answer.is_some());
    if write(context, &key, found, &runs, end)? && has_changed {
        context.notify(EventClass::String, "setbit", arguments[1]);
    }
    answer(context, &answers);
    Ok(())
}

/// `BITFIELD_RO key [GET type offset ...]`
pub(in super::super) fn bitfield_ro(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let steps = parse(&arguments[2..], context.value_bytes_max)?;
    if steps.iter().any(Step::writes) {
        return Err(CommandError::Says("ERR BITFIELD_RO only supports the GET subcommand"));
    }
    read(context, arguments, &steps)
}

fn read(context: &mut Context<'_>, arguments: &[&[u8]], steps: &[Step]) -> Done {
    let key = context.first_key(arguments)?;
    let found = context.find_string(&key)?;
    let bytes = found.map_or(0, |found| context.store.value(&found).len());
    let mut runs = load(context, found.as_ref(), steps, bytes);
    let answers: Vec<Option<i64>> = steps.iter().map(|step| take(&mut runs, step)).collect();
    answer(context, &answers);
    Ok(())
}

fn answer(context: &mut Context<'_>, answers: &[Option<i64>]) {
    context.reply.array(answers.len());
    for answer in answers {
        match answer {
            Some(number) => context.reply.integer(*number),
            None => context.reply.null(),
        }
    }
}

/// What BITFIELD writes last where a string has to grow for it: a zero at its new end.
pub(super) fn growth(words: &[&[u8]]) -> Option<(usize, &'static [u8])> {
    let end = written_end(&parse(words, u64::MAX >> 3).ok()?)?;
    Some((end - 1, one_byte(0)))
}

/// The byte behind the last that is written.
fn written_end(steps: &[Step]) -> Option<usize> {
    steps.iter().filter(|step| step.writes()).map(|step| step.bytes().1).max()
}

fn parse(words: &[&[u8]], value_bytes_max: u64) -> Result<Vec<Step>, CommandError> {
    let (mut steps, mut overflow, mut rest) = (Vec::new(), Overflow::Wrap, words);
    while let [word, behind @ ..] = rest {
        let (action, integer, offset) = match behind {
            [kind, behind @ ..] if is_word(word, "overflow") => {
                overflow = parse_overflow(kind)?;
                rest = behind;
                continue;
            }
            [integer, offset, behind @ ..] if is_word(word, "get") => {
                rest = behind;
                (None, integer, offset)
            }
            [integer, offset, value, behind @ ..]
                if is_word(word, "set") || is_word(word, "incrby") =>
            {
                rest = behind;
                (Some(value), integer, offset)
            }
            _ => return Err(CommandError::Syntax),
        };
        let integer = parse_type(integer)?;
        let offset = parse_offset(offset, Some(integer.bits), value_bytes_max)?;
        let offset = usize::try_from(offset).map_err(|_| CommandError::TooLong)?;
        let value = action.map(|value| parse_integer(value).ok_or(CommandError::NotInteger));
        let action = match value.transpose()? {
            None => Action::Get,
            Some(value) if is_word(word, "set") => Action::Set(value),
            Some(amount) => Action::Add(amount),
        };
        steps.push(Step { action, integer, offset, overflow });
    }
    Ok(steps)
}

fn parse_overflow(word: &[u8]) -> Result<Overflow, CommandError> {
    match word {
        _ if is_word(word, "wrap") => Ok(Overflow::Wrap),
        _ if is_word(word, "sat") => Ok(Overflow::Saturate),
        _ if is_word(word, "fail") => Ok(Overflow::Fail),
        _ => Err(CommandError::Says("ERR Invalid OVERFLOW type specified")),
    }
}

fn parse_type(word: &[u8]) -> Result<IntegerType, CommandError> {
    let (is_signed, digits, most) = match word {
        [b'i', digits @ ..] => (true, digits, 64),
        [b'u', digits @ ..] => (false, digits, 63),
        _ => (false, &[][..], 0),
    };
    let bits = parse_integer(digits).and_then(|bits| u32::try_from(bits).ok());
    let bits = bits.filter(|bits| (1..=most).contains(bits));
    let integer = bits.map(|bits| IntegerType { is_signed, bits });
    integer.ok_or(CommandError::Says(
        "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.",
    ))
}

/// The bytes that the steps touch, of a string that is to have `length` bytes: all of a short one, else those alone, in order and apart.
fn load(context: &Context<'_>, found: Option<&Found>, steps: &[Step], length: usize) -> Vec<Run> {
    let mut spans: Vec<(usize, usize)> = steps.iter().map(Step::bytes).collect();
    if length <= WHOLE_BYTES_MAX && steps.iter().any(Step::writes) {
        spans.push((0, length));
    }
    spans.sort_unstable();
    let mut runs: Vec<Run> = Vec::new();
    for (from, to) in spans {
        match runs.last_mut() {
            Some(run) if from <= run.start + run.bytes.len() => {
                run.bytes.resize(run.bytes.len().max(to - run.start), 0);
            }
            _ => runs.push(Run { start: from, bytes: vec![0; to - from], is_changed: false }),
        }
    }
    let Some(found) = found else { return runs };
    let value = context.store.value(found);
    let mut there = Vec::new();
    for run in &mut runs {
        there.clear();
        value.copy_range(run.start, run.start + run.bytes.len(), &mut there);
        run.bytes[..there.len()].copy_from_slice(&there);
    }
    runs
}

/// Takes one step. `None`: the number did not fit, and was to fail then.
fn take(runs: &mut [Run], step: &Step) -> Option<i64> {
    let (start, _) = step.bytes();
    let at = runs.partition_point(|run| run.start <= start) - 1;
    let run = &mut runs[at];
    let (integer, offset) = (step.integer, step.offset - run.start * 8);
    let before = integer.read(&run.bytes, offset);
    let (after, told) = match step.action {
        Action::Get => return Some(before),
        Action::Set(number) => (integer.fit(number, step.overflow)?, before),
        Action::Add(amount) => {
            let sum = integer.add(before, amount, step.overflow)?;
            (sum, sum)
        }
    };
    if after != before {
        integer.write(&mut run.bytes, offset, after);
        run.is_changed = true;
    }
    Some(told)
}

/// Writes what the steps changed. A string that is too short for them grows, whatever they changed. `false`: nothing did.
fn write(
    context: &mut Context<'_>,
    key: &Key<'_>,
    found: Option<Found>,
    runs: &[Run],
    end: usize,
) -> Result<bool, CommandError> {
    let before_bytes = found.map_or(0, |found| context.store.value(&found).len());
    let is_changed = runs.iter().any(|run| run.is_changed);
    if !is_changed && before_bytes >= end {
        return Ok(false);
    }
    let length = before_bytes.max(end);
    if length <= WHOLE_BYTES_MAX {
        let expiry_ms = found.and_then(|found| context.store.expiry_ms(&found));
        context.store.put(key, &[&runs[0].bytes[..length]], expiry_ms)?;
        return Ok(true);
    }
    let patches: Vec<(usize, &[u8])> = runs
        .iter()
        .filter(|run| run.is_changed)
        // What a GET reads may lie behind the end.
        .map(|run| (run.start, &run.bytes[..run.bytes.len().min(length - run.start)]))
        .collect();
    if before_bytes < end {
        write_over(context, key, found.as_ref(), end - 1, one_byte(0))?;
    }
    let Some(found) = context.store.peek(key).filter(|_| is_changed) else {
        return Ok(true);
    };
    let patched: usize = patches.iter().map(|(_, bytes)| bytes.len()).sum();
    context.check_room(key.bytes.len() + patched)?;
    context.store.patch_text(key, &found, &patches)?;
    Ok(true)
}
