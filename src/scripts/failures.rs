//! Owns the lines that tell why a script failed, and where in it.

use super::work::Script;
use mlua::{Lua, Table, Value};

/// What marks the table of an error that was counted when the call gave it, as in Redis.
const COUNTED: &str = "ignore_error_stats_update";

impl Script<'_> {
    /// The error line of what a script failed with.
    pub(super) fn error_line(&self, error: &Value) -> String {
        let (text, chunk) = (error_text(error), self.machine.kind().chunk());
        let place = match error {
            Value::Table(table) => table.raw_get::<i64>("line").ok(),
            _ => None,
        };
        let line = place.or_else(|| line_of(&text, chunk)).unwrap_or(1);
        format!("{text} script: {}, on @{chunk}:{line}.", self.line.name)
    }
}

/// Whether a value is the table of an error that a call gave.
pub(super) fn is_of_call(value: &Value) -> bool {
    matches!(value, Value::Table(table) if table.raw_get::<bool>(COUNTED).is_ok_and(|it| it))
}

/// The line of an error, with its code: what its table says, or what the machine says, which fails without one for want of memory.
pub(super) fn error_text(error: &Value) -> String {
    let shown = |text: &mlua::String| String::from_utf8_lossy(&text.as_bytes()).into_owned();
    let text = match error {
        Value::Table(table) => table.raw_get::<mlua::String>("err").ok().map(|text| shown(&text)),
        Value::String(text) => Some(format!("ERR {}", shown(text))),
        _ => None,
    };
    first_line(&text.unwrap_or_else(|| "ERR unknown error".to_owned()))
}

/// The line that a message of Lua names.
fn line_of(text: &str, chunk: &str) -> Option<i64> {
    let (_, rest) = text.split_once(chunk)?;
    rest.strip_prefix(':')?.split(':').next()?.parse().ok()
}

/// The first line of a message of Lua, without what the machine puts before it.
pub(super) fn first_line(text: &str) -> String {
    text.replace("runtime error: ", "").lines().next().unwrap_or_default().to_owned()
}

/// Notes where in the script something failed.
pub(super) fn place(lua: &Lua, error: &Table, chunk: &str) -> mlua::Result<()> {
    // The callback itself, then functions of the frame, then the script.
    for level in 1..8 {
        let found = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let is_script = source.short_src.as_deref() == Some(chunk);
            is_script.then(|| debug.current_line()).flatten()
        });
        match found {
            Some(Some(line)) => return error.raw_set("line", line),
            Some(None) => {}
            None => return Ok(()),
        }
    }
    Ok(())
}
