//! Owns a Lua machine of one core: what scripts find there, their compiled forms, and the run of one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use mlua::{Function, HookTriggers, Lua, LuaOptions, MultiValue, StdLib, Table, Value, VmState};

use super::flags::ScriptFlags;
use super::limits::{COMPILED_MAX, INSTRUCTIONS_A_LOOK, MACHINE_BYTES_MAX};
use super::registering::Registering;
use super::texts::sha1_hex;
use super::watch::Watch;
use super::{bit, cjson, cmsgpack, packed};

/// What a machine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Scripts that clients send.
    Script,
    /// Functions of libraries.
    Function,
}

impl Kind {
    /// What Lua calls the text.
    pub(super) fn chunk(self) -> &'static str {
        match self {
            Self::Script => "user_script",
            Self::Function => "user_function",
        }
    }
}

/// A script that is compiled, or a function of a library.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pub(super) function: Function,
    /// What it says of itself, if it does.
    pub(crate) flags: Option<ScriptFlags>,
}

/// One machine.
#[derive(Debug)]
pub(crate) struct Machine {
    lua: Lua,
    kind: Kind,
    frame: Function,
    /// The globals of what it runs: shown, and in truth.
    environment: Table,
    globals: Table,
    /// From what a library finds while it is loaded to what its functions find, and back.
    switch: Function,
    /// Has who runs a script look after others.
    poll: Function,
    registering: Rc<RefCell<Registering>>,
    compiled: RefCell<BTreeMap<String, Compiled>>,
    /// [`super::Texts::flushes`] when they were compiled.
    flushes: Cell<u64>,
}

/// What came of a script: its value, or the table of its error.
pub(super) type Ran = Result<Value, Value>;

impl Machine {
    /// A machine without scripts.
    ///
    /// Errors: when there is no memory for it.
    pub(crate) fn new(kind: Kind) -> mlua::Result<Self> {
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
        let registering = Rc::new(RefCell::new(Registering::default()));
        let register = Registering::function(&lua, &registering)?;
        let locate =
            lua.create_function(move |lua, error: Table| super::place(lua, &error, kind.chunk()))?;
        let prelude = lua.load(include_str!("prelude.lua")).set_name("=frame").into_function()?;
        let (frame, environment, switch, globals, poll) =
            prelude.call((kind == Kind::Function, register, locate))?;
        let (compiled, flushes) = (RefCell::default(), Cell::new(0));
        Ok(Self {
            lua,
            kind,
            frame,
            environment,
            globals,
            switch,
            poll,
            registering,
            compiled,
            flushes,
        })
    }

    /// The compiled form of a script, if this core has it.
    pub(crate) fn find(&self, name: &str, flushes: u64) -> Option<Compiled> {
        if self.flushes.replace(flushes) != flushes {
            self.compiled.borrow_mut().clear();
        }
        self.compiled.borrow().get(name).cloned()
    }

    /// Compiles a script.
    ///
    /// Errors: what the client is told.
    pub(crate) fn compile(&self, name: &str, text: &[u8]) -> Result<Compiled, String> {
        let mut text = text.to_vec();
        let flags = read_shebang(&mut text)?;
        let function = self
            .function_of(text)
            .map_err(|line| format!("ERR Error compiling script (new function): {line}"))?;
        let mut known = self.compiled.borrow_mut();
        if known.len() >= COMPILED_MAX {
            known.clear();
        }
        let compiled = Compiled { function, flags };
        known.insert(name.to_owned(), compiled.clone());
        Ok(compiled)
    }

    /// The function of a text.
    ///
    /// Errors: the line of Lua.
    fn function_of(&self, text: Vec<u8>) -> Result<Function, String> {
        let chunk = self.lua.load(text).set_name(format!("@{}", self.kind.chunk()));
        let chunk = chunk.set_mode(mlua::ChunkMode::Text).set_environment(self.environment.clone());
        chunk.into_function().map_err(|error| {
            let error = error.to_string();
            let error = error.strip_prefix("syntax error: ").unwrap_or(&error);
            error.lines().next().unwrap_or_default().to_owned()
        })
    }

    /// Runs the text of a library, which registers functions; `ms_max` is how long it may take.
    ///
    /// Errors: what the client is told, without a code.
    pub(super) fn load(&self, text: Vec<u8>, ms_max: u64) -> Result<Registering, String> {
        let function =
            self.function_of(text).map_err(|line| format!("Error compiling function: {line}"))?;
        let failed = |error: mlua::Error| {
            let text = super::first_line(&error.to_string());
            format!("Error registering functions: ERR {text}")
        };
        self.registering.borrow_mut().begin();
        self.switch.call::<()>(true).map_err(failed)?;
        let watch = Watch::of_library(ms_max);
        self.watch_clock(&watch).map_err(failed)?;
        let ran = self.frame.call::<(bool, Value)>((function, Value::Nil));
        self.lua.remove_global_hook();
        self.switch.call::<()>(false).map_err(failed)?;
        let registered = self.registering.take();
        match ran.map_err(failed)? {
            (true, _) => Ok(registered),
            (false, error) => {
                Err(format!("Error registering functions: {}", super::error_text(&error)))
            }
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Runs a script or a function. `call` carries its calls out.
    ///
    /// Errors: when the machine itself fails, for want of memory.
    pub(super) fn run(
        &self,
        script: &Compiled,
        [keys, words]: [&[Vec<u8>]; 2],
        watch: &Rc<Watch>,
        mut call: impl FnMut(&Lua, MultiValue) -> mlua::Result<Value>,
    ) -> mlua::Result<Ran> {
        let (keys, words) = (self.list(keys)?, self.list(words)?);
        self.watch_clock(watch)?;
        let ran = self.lua.scope(|scope| {
            let call = scope.create_function_mut(|lua, words: MultiValue| call(lua, words))?;
            match self.kind {
                Kind::Script => {
                    self.globals.raw_set("KEYS", keys)?;
                    self.globals.raw_set("ARGV", words)?;
                    self.frame.call::<(bool, Value)>((&script.function, call))
                }
                Kind::Function => {
                    self.frame.call::<(bool, Value)>((&script.function, call, keys, words))
                }
            }
        });
        self.lua.remove_global_hook();
        watch.end();
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

    /// Has the clock looked at; a script that catches the error that stops it meets it again at every instruction.
    fn watch_clock(&self, watch: &Rc<Watch>) -> mlua::Result<()> {
        let (watch, poll) = (Rc::clone(watch), self.poll.clone());
        let seldom = HookTriggers::new().every_nth_instruction(INSTRUCTIONS_A_LOOK);
        // For its coroutines too.
        self.lua.set_global_hook(seldom, move |lua, _| {
            let Some(why) = watch.look() else {
                if watch.is_busy() {
                    poll.call::<()>(())?;
                }
                return Ok(VmState::Continue);
            };
            Err(stop(lua, &why))
        })
    }
}

/// Has every instruction from now on raise the error, in whichever coroutine one runs.
fn stop(lua: &Lua, why: &str) -> mlua::Error {
    let (told, always) = (why.to_owned(), HookTriggers::new().every_nth_instruction(1));
    let set = lua.set_global_hook(always, move |lua, _| Err(stop(lua, &told)));
    set.err().unwrap_or_else(|| mlua::Error::runtime(why))
}

/// Reads the first line of a script, `#!lua flags=no-writes`, and makes it a comment. Gives what it says of itself, if it does.
fn read_shebang(text: &mut [u8]) -> Result<Option<ScriptFlags>, String> {
    if !text.starts_with(b"#!") {
        return Ok(None);
    }
    let end = text.iter().position(|&byte| byte == b'\n').ok_or("ERR Invalid script shebang")?;
    let line = String::from_utf8_lossy(&text[2..end]).into_owned();
    text[..2].copy_from_slice(b"--");
    let mut words = line.split_ascii_whitespace();
    let engine = words.next().unwrap_or_default();
    if engine != "lua" {
        return Err(format!("ERR Unexpected engine in script shebang: {engine}"));
    }
    let mut flags = ScriptFlags::default();
    for word in words {
        let Some(names) = word.strip_prefix("flags=") else {
            return Err(format!("ERR Unknown lua shebang option: {word}"));
        };
        for name in names.split(',').filter(|name| !name.is_empty()) {
            if !flags.take(name.as_bytes()) {
                return Err(format!("ERR Unexpected flag in script shebang: {name}"));
            }
        }
    }
    Ok(Some(flags))
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
