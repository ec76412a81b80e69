//! Owns PFADD, PFCOUNT and PFMERGE.

use super::super::context::Context;
use super::super::error::CommandError;
use super::header::{self, Form, HEADER_BYTES};
use super::sketch::{Registers, Sketch, count, count_registers, merge};
use super::{dense, hash};
use hyperion_model::EventClass;
use hyperion_store::{Found, Key};

type Done = Result<(), CommandError>;

/// More changed registers than these are written with all others.
const PATCHES_MAX: usize = 64;

/// `PFADD key [element ...]`
pub(in super::super) fn pfadd(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let key = context.first_key(arguments)?;
    let elements = &arguments[2..];
    let Some(found) = context.find_string(&key)? else {
        let mut sketch = Sketch::new();
        for element in elements {
            sketch.add(element)?;
        }
        sketch.make_old();
        put(context, &key, &sketch, None)?;
        context.notify(EventClass::String, "pfadd", arguments[1]);
        context.reply.integer(1);
        return Ok(());
    };
    let value = context.store.value(&found);
    let bytes = value.join(context.scratch);
    let is_changed = match header::form_of(bytes)? {
        Form::Dense => {
            let raised = raised(&bytes[HEADER_BYTES..], elements);
            if !raised.is_empty() {
                let sketch = Sketch::read(bytes)?;
                write_raised(context, &key, &found, sketch, &raised)?;
            }
            !raised.is_empty()
        }
        Form::Sparse => {
            let mut sketch = Sketch::read(bytes)?;
            let mut is_changed = false;
            for element in elements {
                is_changed |= sketch.add(element)?;
            }
            if is_changed {
                sketch.make_old();
                let expiry_ms = context.store.expiry_ms(&found);
                put(context, &key, &sketch, expiry_ms)?;
            }
            is_changed
        }
    };
    if is_changed {
        context.notify(EventClass::String, "pfadd", arguments[1]);
    }
    context.reply.integer(i64::from(is_changed));
    Ok(())
}

/// Registers that elements raise, and to what. Most raise none once many were counted, and nothing is copied for those.
fn raised(registers: &[u8], elements: &[&[u8]]) -> Vec<(usize, u8)> {
    let places = elements.iter().map(|element| hash::place_of(element));
    places.filter(|&(register, number)| dense::get(registers, register) < number).collect()
}

/// Writes what was raised where it lies.
fn write_raised(
    context: &mut Context<'_>,
    key: &Key<'_>,
    found: &Found,
    mut sketch: Sketch,
    raised: &[(usize, u8)],
) -> Done {
    let is_old = header::estimate(&sketch.bytes).is_none();
    for &(register, number) in raised {
        sketch.raise(register, number)?;
    }
    sketch.make_old();
    if raised.len() > PATCHES_MAX {
        let expiry_ms = context.store.expiry_ms(found);
        return put(context, key, &sketch, expiry_ms);
    }
    let places = raised.iter().map(|&(register, _)| {
        let (start, end) = dense::bytes_of(register);
        (HEADER_BYTES + start, HEADER_BYTES + end)
    });
    let head = (!is_old).then_some((HEADER_BYTES - 1, HEADER_BYTES));
    let patches: Vec<(usize, &[u8])> = head
        .into_iter()
        .chain(places)
        .map(|(start, end)| (start, &sketch.bytes[start..end]))
        .collect();
    context.check_room(key.bytes.len() + sketch.bytes.len())?;
    Ok(context.store.patch_text(key, found, &patches)?)
}

fn put(context: &mut Context<'_>, key: &Key<'_>, sketch: &Sketch, expiry_ms: Option<u64>) -> Done {
    context.check_room(key.bytes.len() + sketch.bytes.len())?;
    Ok(context.store.put(key, &[&sketch.bytes], expiry_ms)?)
}

/// `PFCOUNT key [key ...]`
pub(in super::super) fn pfcount(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let counted = match arguments {
        [_, name] => count_one(context, name)?,
        _ => {
            let mut registers = Registers::new();
            for name in &arguments[1..] {
                let key = context.key(name)?;
                let Some(found) = context.find_string(&key)? else { continue };
                let value = context.store.value(&found);
                merge(&mut registers, value.join(context.scratch))?;
            }
            count_registers(&registers)
        }
    };
    context.reply.integer(i64::try_from(counted).unwrap_or(i64::MAX));
    Ok(())
}

fn count_one(context: &mut Context<'_>, name: &[u8]) -> Result<u64, CommandError> {
    let key = context.key(name)?;
    let Some(found) = context.find_string(&key)? else { return Ok(0) };
    let value = context.store.value(&found);
    let (counted, is_new) = count(value.join(context.scratch))?;
    if is_new && !context.store.is_replicated(name) {
        keep_estimate(context, &key, &found, counted);
    }
    Ok(counted)
}

/// Keeps the estimate for the next who asks, where that costs no entry and there is room at once: it is right without.
fn keep_estimate(context: &mut Context<'_>, key: &Key<'_>, found: &Found, counted: u64) {
    let mut estimate = [0; HEADER_BYTES];
    header::set_estimate(&mut estimate, counted);
    let estimate = &estimate[HEADER_BYTES - 8..];
    let bytes = context.store.value(found).len();
    if context.check_room(key.bytes.len() + bytes).is_err() {
        return;
    }
    let kept = if bytes > super::SPARSE_BYTES_MAX {
        context.store.patch_text(key, found, &[(HEADER_BYTES - 8, estimate)])
    } else {
        let expiry_ms = context.store.expiry_ms(found);
        context.save(found);
        context.scratch[HEADER_BYTES - 8..HEADER_BYTES].copy_from_slice(estimate);
        context.store.put(key, &[context.scratch], expiry_ms)
    };
    // Where it could not be written, nothing has changed.
    kept.ok();
}

/// `PFMERGE destination [source ...]`
pub(in super::super) fn pfmerge(context: &mut Context<'_>, arguments: &[&[u8]]) -> Done {
    let (mut registers, mut is_dense) = (Registers::new(), false);
    for name in &arguments[1..] {
        let key = context.key(name)?;
        let Some(found) = context.find_string(&key)? else { continue };
        let value = context.store.value(&found);
        is_dense |= merge(&mut registers, value.join(context.scratch))? == Form::Dense;
    }
    let key = context.key(arguments[1])?;
    let found = context.find_string(&key)?;
    let (mut sketch, expiry_ms) = match &found {
        Some(found) => {
            let value = context.store.value(found);
            (Sketch::read(value.join(context.scratch))?, context.store.expiry_ms(found))
        }
        None => (Sketch::new(), None),
    };
    if is_dense {
        sketch.make_dense()?;
    }
    for (register, &number) in registers.iter().enumerate() {
        if number > 0 {
            sketch.raise(register, number)?;
        }
    }
    sketch.make_old();
    put(context, &key, &sketch, expiry_ms)?;
    context.notify(EventClass::String, "pfadd", arguments[1]);
    context.reply.simple("OK");
    Ok(())
}
