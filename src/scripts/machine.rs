//! Owns the Lua machine of one core: what scripts find there, their compiled forms, and the run of one.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mlua::{Function, HookTriggers, Lua, LuaOptions, MultiValue, StdLib, Table, Value, VmState};

use super::limits::{COMPILED_MAX, INSTRUCTIONS_A_LOOK, MACHINE_BYTES_MAX, SCRIPT_MS_MAX};
use super::texts::sha1_hex;
use super::{bit, cjson, cmsgpack, packed};

/// A script that is compiled.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    function: Function,
    /// Its first line says that it writes nothing.
    pub(crate) only_reads: bool,
}

/// One core's machine.
#[derive(Debug)]
pub(crate) struct Machine {
    lua: Lua,
    frame: Function,
    compiled: BTreeMap<String, Compiled>,
    /// [`super::Texts::flushes`] when they were compiled.
    flushes: u64,
    /// When the running script is stopped.
    deadline: Rc<Cell<Option<Instant>>>,
}

/// What came of a script: its value, or the table of its error.
pub(super) type Ran = Result<Value, Value>;

impl Machine {
    /// A machine without scripts.
    ///
    /// Errors: when there is no memory for it.
    pub(crate) fn new() -> mlua::Result<Self> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS;
        let lua = Lua::new_with(libraries, LuaOptions::default())?;
        lua.set_memory_limit(MACHINE_BYTES_MAX)?;
        let globals = lua.globals();
        let redis = lua.create_table()?;
        redis.set(
            "sha1hex",
            lua.create_function(|_, text: mlua::String| Ok(sha1_hex(&text.as_bytes())))?,
        )?;
        redis.set("log", lua.create_function(log)?)?;
        globals.set("redis", redis)?;
        globals.set("bit", bit::library(&lua)?)?;
        globals.set("cjson", cjson::library(&lua)?)?;
        globals.set("cmsgpack", cmsgpack::library(&lua)?)?;
        globals.set("struct", packed::library(&lua)?)?;
        let frame: Function = lua.load(include_str!("prelude.lua")).set_name("=frame").eval()?;
        let deadline = Rc::new(Cell::new(None));
        let (compiled, flushes) = (BTreeMap::new(), 0);
        Ok(Self { lua, frame, compiled, flushes, deadline })
    }

    /// The compiled form of a script, if this core has it.
    pub(crate) fn find(&mut self, name: &str, flushes: u64) -> Option<Compiled> {
        if self.flushes != flushes {
            self.compiled.clear();
            self.flushes = flushes;
        }
        self.compiled.get(name).cloned()
    }

    /// Compiles a script.
    ///
    /// Errors: what the client is told.
    pub(crate) fn compile(&mut self, name: &str, text: &[u8]) -> Result<Compiled, String> {
        let mut text = text.to_vec();
        let only_reads = read_shebang(&mut text)?;
        let chunk = self.lua.load(text).set_name("@user_script").set_mode(mlua::ChunkMode::Text);
        let function = chunk.into_function().map_err(|error| {
            let error = error.to_string();
            let error = error.strip_prefix("syntax error: ").unwrap_or(&error);
            let line = error.lines().next().unwrap_or_default();
            format!("ERR Error compiling script (new function): {line}")
        })?;
        if self.compiled.len() >= COMPILED_MAX {
            self.compiled.clear();
        }
        let compiled = Compiled { function, only_reads };
        self.compiled.insert(name.to_owned(), compiled.clone());
        Ok(compiled)
    }

    /// Runs a script. `call` carries its calls out.
    ///
    /// Errors: when the machine itself fails, for want of memory.
    pub(super) fn run(
        &self,
        script: &Compiled,
        [keys, words]: [&[Vec<u8>]; 2],
        mut call: impl FnMut(&Lua, MultiValue) -> mlua::Result<Value>,
    ) -> mlua::Result<Ran> {
        let globals = self.lua.globals();
        globals.raw_set("KEYS", self.list(keys)?)?;
        globals.raw_set("ARGV", self.list(words)?)?;
        self.deadline.set(Some(Instant::now() + Duration::from_millis(SCRIPT_MS_MAX)));
        self.watch_clock()?;
        let ran = self.lua.scope(|scope| {
            let call = scope.create_function_mut(|lua, words: MultiValue| call(lua, words))?;
            self.frame.call::<(bool, Value)>((&script.function, call))
        });
        self.lua.remove_hook();
        let (is_whole, value) = ran?;
        Ok(if is_whole { Ok(value) } else { Err(value) })
    }

    fn list(&self, words: &[Vec<u8>]) -> mlua::Result<Table> {
        let table = self.lua.create_table_with_capacity(words.len(), 0)?;
        for (at, word) in words.iter().enumerate() {
            table.raw_set(at + 1, self.lua.create_string(word)?)?;
        }
        Ok(table)
    }

    /// Stops the script when its time is over. One that catches the error meets it again at every instruction.
    fn watch_clock(&self) -> mlua::Result<()> {
        let deadline = Rc::clone(&self.deadline);
        let seldom = HookTriggers::new().every_nth_instruction(INSTRUCTIONS_A_LOOK);
        self.lua.set_hook(seldom, move |lua, _| {
            if deadline.get().is_none_or(|deadline| Instant::now() < deadline) {
                return Ok(VmState::Continue);
            }
            lua.set_hook(HookTriggers::new().every_nth_instruction(1), |_, _| Err(too_long()))?;
            Err(too_long())
        })
    }
}

fn too_long() -> mlua::Error {
    mlua::Error::runtime(format!("the script took more than {SCRIPT_MS_MAX} ms and was stopped"))
}

/// Reads the first line of a script, `#!lua flags=no-writes`, and makes it a comment. Gives whether it only reads.
fn read_shebang(text: &mut [u8]) -> Result<bool, String> {
    if !text.starts_with(b"#!") {
        return Ok(false);
    }
    let end = text.iter().position(|&byte| byte == b'\n').unwrap_or(text.len());
    let line = String::from_utf8_lossy(&text[2..end]).into_owned();
    text[..2].copy_from_slice(b"--");
    let mut words = line.split_ascii_whitespace();
    let engine = words.next().unwrap_or_default();
    if engine != "lua" {
        return Err(format!("ERR Unexpected engine in script shebang: {engine}"));
    }
    let mut only_reads = false;
    for word in words {
        let Some(flags) = word.strip_prefix("flags=") else {
            return Err(format!("ERR Unknown lua shebang option: {word}"));
        };
        for flag in flags.split(',').filter(|flag| !flag.is_empty()) {
            match flag {
                "no-writes" => only_reads = true,
                "allow-oom" | "allow-stale" | "no-cluster" | "allow-cross-slot-keys" => {}
                _ => return Err(format!("ERR Unexpected flag in script shebang: {flag}")),
            }
        }
    }
    Ok(only_reads)
}

fn log(_: &Lua, (level, words): (i64, MultiValue)) -> mlua::Result<()> {
    let words: Vec<String> = words
        .iter()
        .map(|word| word.to_string().unwrap_or_default().chars().take(1024).collect())
        .collect();
    let line = words.join(" ");
    match level {
        0 => tracing::debug!("a script: {line}"),
        1 | 2 => tracing::info!("a script: {line}"),
        _ => tracing::warn!("a script: {line}"),
    }
    Ok(())
}
