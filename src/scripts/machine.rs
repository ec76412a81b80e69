//! Owns a Lua machine of one core: what scripts find there, their compiled forms, and the run of one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use hyperion_lua::{Caller, Gate, Given, Guard, Outcome, Values, Visitor, Way, Where};
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
#[derive(Debug)]
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
    /// The way in, and of calls.
    gate: Rc<Gate>,
    /// Every instruction raises the error that stops what runs.
    is_stopping: Rc<Cell<bool>>,
    /// The globals of what it runs, as they are shown.
    environment: Table,
    /// From what a library finds while it is loaded to what its functions find, and back.
    switch: Function,
    registering: Rc<RefCell<Registering>>,
    compiled: RefCell<BTreeMap<String, Rc<Compiled>>>,
}

/// While a library is loaded, nothing can be called.
struct Loading(Watch);

impl Caller for Loading {
    fn call(&mut self, _: Way, _: Option<&[&[u8]]>, _: &mut Values) -> Outcome {
        Outcome::Halted
    }

    fn look(&mut self) -> Option<String> {
        self.0.look(None)
    }
}

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
        globals.set("redis", &redis)?;
        globals.set("bit", bit::library(&lua)?)?;
        globals.set("cjson", cjson::library(&lua)?)?;
        globals.set("cmsgpack", cmsgpack::library(&lua)?)?;
        globals.set("struct", packed::library(&lua)?)?;
        let registering = Rc::new(RefCell::new(Registering::default()));
        let register = Registering::function(&lua, &registering)?;
        let locate =
            lua.create_function(move |lua, error: Table| super::place(lua, &error, kind.chunk()))?;
        let views = lua.create_table()?;
        guard(&lua, &views)?;
        let [random, seed] = hyperion_lua::random(&lua)?;
        let math: Table = globals.get("math")?;
        math.set("random", random)?;
        math.set("randomseed", seed)?;
        let prelude = lua.load(include_str!("prelude.lua")).set_name("=frame").into_function()?;
        let (environment, switch, globals, table_of): (Table, Function, Table, Function) =
            prelude.call((kind == Kind::Function, register, locate, views))?;
        let gate = Rc::new(Gate::new(&lua, &table_of, &globals)?);
        let names = ["call", "pcall", "acl_check_cmd", "setresp"];
        for (name, function) in names.iter().zip(gate.functions()) {
            redis.raw_set(*name, function)?;
        }
        let (compiled, is_stopping) = (RefCell::default(), Rc::default());
        let machine =
            Self { lua, kind, gate, is_stopping, environment, switch, registering, compiled };
        machine.watch_clock()?;
        // What the begin has left behind, so that the collector counts from what stays.
        machine.lua.gc_collect()?;
        Ok(machine)
    }

    /// Memory that Lua takes.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.lua.used_memory() as u64
    }

    /// The compiled form of a script, if this core has it.
    pub(crate) fn find(&self, name: &str) -> Option<Rc<Compiled>> {
        self.compiled.borrow().get(name).cloned()
    }

    /// Compiles a script.
    ///
    /// Errors: what the client is told.
    pub(crate) fn compile(&self, name: &str, text: &[u8]) -> Result<Rc<Compiled>, String> {
        let mut text = text.to_vec();
        let flags = read_shebang(&mut text)?;
        let function = self
            .function_of(text)
            .map_err(|line| format!("ERR Error compiling script (new function): {line}"))?;
        let mut known = self.compiled.borrow_mut();
        if known.len() >= COMPILED_MAX {
            known.clear();
        }
        let compiled = Rc::new(Compiled { function, flags });
        known.insert(name.to_owned(), Rc::clone(&compiled));
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
        let failed =
            |text: &str| format!("Error registering functions: ERR {}", super::first_line(text));
        let switch = |is_loading: bool| {
            self.switch.call::<()>(is_loading).map_err(|error| failed(&error.to_string()))
        };
        self.registering.borrow_mut().begin();
        switch(true)?;
        let script = hyperion_lua::Script {
            function: &function,
            keys: &[],
            words: &[],
            place: Where::Nowhere,
        };
        let mut loading = Loading(Watch::new(ms_max, u64::MAX));
        let ran = self.enter(&script, &mut loading, &mut Vec::new());
        switch(false)?;
        let registered = self.registering.take();
        match ran.map_err(|line| failed(&line))? {
            Given::Failed(error) => {
                Err(format!("Error registering functions: {}", super::error_text(&error)))
            }
            _ => Ok(registered),
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Shows a value of the machine to a visitor that ends no walk.
    ///
    /// Errors: for want of memory.
    pub(super) fn walk(
        &self,
        value: &Value,
        names: &[&[u8]],
        visitor: &mut dyn Visitor,
    ) -> mlua::Result<()> {
        let ended = hyperion_lua::walk(&self.lua, value, names, visitor)?;
        ended.map_err(mlua::Error::runtime)
    }

    /// Runs a script or a function. What it gives as a string is appended to `text`.
    ///
    /// Errors: when the machine itself fails, for want of memory.
    pub(super) fn run(
        &self,
        script: &Compiled,
        [keys, words]: [&[&[u8]]; 2],
        caller: &mut dyn Caller,
        text: &mut Vec<u8>,
    ) -> Result<Given, String> {
        let place = match self.kind {
            Kind::Script => Where::Globals,
            Kind::Function => Where::Arguments,
        };
        let function = &script.function;
        self.enter(&hyperion_lua::Script { function, keys, words, place }, caller, text)
    }

    fn enter(
        &self,
        script: &hyperion_lua::Script<'_>,
        caller: &mut dyn Caller,
        text: &mut Vec<u8>,
    ) -> Result<Given, String> {
        let ran = self.gate.run(&self.lua, script, caller, text);
        if self.is_stopping.take() {
            self.lua.remove_global_hook();
            self.watch_clock().map_err(|error| error.to_string())?;
        }
        if matches!(&ran, Err(_) | Ok(Given::Failed(Value::String(_)))) {
            // Memory was short: the next one is to find what this one has left behind.
            let _ = self.lua.gc_collect();
        }
        ran
    }

    /// Has the clock looked at; a script that catches the error that stops it meets it again at every instruction.
    fn watch_clock(&self) -> mlua::Result<()> {
        let (gate, is_stopping) = (Rc::clone(&self.gate), Rc::clone(&self.is_stopping));
        let seldom = HookTriggers::new().every_nth_instruction(INSTRUCTIONS_A_LOOK);
        // For its coroutines too.
        self.lua.set_global_hook(seldom, move |lua, _| match gate.look() {
            Some(why) => {
                is_stopping.set(true);
                Err(stop(lua, &why))
            }
            None => Ok(VmState::Continue),
        })
    }
}

/// Has functions that go past metatables ask the views: those of protected tables are not changed, and show what these hold.
fn guard(lua: &Lua, views: &Table) -> mlua::Result<()> {
    let globals = lua.globals();
    let table: Table = globals.get("table")?;
    for (place, name, guard) in [
        (&globals, "setmetatable", Guard::Refused),
        (&globals, "rawset", Guard::Refused),
        (&table, "insert", Guard::Refused),
        (&table, "remove", Guard::Refused),
        (&table, "sort", Guard::Refused),
        (&table, "foreach", Guard::Shown),
        (&globals, "rawget", Guard::Shown),
    ] {
        let function: Function = place.get(name)?;
        place.set(name, hyperion_lua::guarded(lua, views, &function, guard)?)?;
    }
    let next: Function = globals.get("next")?;
    let shown = hyperion_lua::guarded(lua, views, &next, Guard::Shown)?;
    globals.set("pairs", hyperion_lua::pairs(lua, views, &next, &shown)?)?;
    globals.set("next", shown)
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
    let line = String::from_utf8_lossy(&text[..end]).into_owned();
    text[..2].copy_from_slice(b"--");
    let mut words = line.split_ascii_whitespace();
    let engine = words.next().unwrap_or_default();
    if engine != "#!lua" {
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
