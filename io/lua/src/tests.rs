//! Tests of the way into Lua and back, on a bare machine.

use crate::{Caller, Gate, Given, Name, Outcome, Script, Values, Way, Where};
use mlua::{Function, HookTriggers, Lua, LuaOptions, StdLib, Table, Value, VmState};
use std::rc::Rc;

/// Answers by the first word of a call, and keeps what was called.
#[derive(Default)]
struct Told {
    calls: Vec<String>,
    looks: usize,
}

impl Caller for Told {
    fn call(&mut self, way: Way, words: Option<&[&[u8]]>, values: &mut Values) -> Outcome {
        let line = words.map_or("bad".to_owned(), |words| {
            words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ")
        });
        self.calls.push(format!("{way:?} {line}"));
        match words.and_then(|words| words.first().copied()) {
            Some(b"nothing") => return Outcome::Given,
            Some(b"panic") => panic!("the caller fell"),
            Some(b"halt") => return Outcome::Halted,
            Some(b"fail") | None => {
                values.named(Name::Err);
                values.text(b"ERR no");
                return Outcome::Failed;
            }
            Some(b"tree") => {
                values.array(5);
                values.number(7.0);
                values.named(Name::Map);
                values.pairs(2);
                values.text(b"key");
                values.array(0);
                values.nil();
                values.text(b"left out");
                values.named(Name::Set);
                values.keys(2);
                values.number(f64::NAN);
                values.text(b"mem");
                values.more_text(b"ber");
                values.boolean(false);
                values.text(b"end");
            }
            Some(word) => values.text(word),
        }
        Outcome::Given
    }

    fn look(&mut self) -> Option<String> {
        self.looks += 1;
        (self.looks > 2).then(|| "long enough".to_owned())
    }
}

struct Machine {
    lua: Lua,
    gate: Rc<Gate>,
}

impl Machine {
    fn new() -> Self {
        let libraries = StdLib::TABLE | StdLib::STRING;
        let lua = Lua::new_with(libraries, LuaOptions::default()).expect("there is memory");
        let handler: Function = lua
            .load("return function(it) return type(it) == 'table' and it or { text = tostring(it) } end")
            .eval()
            .expect("it is right");
        let gate = Rc::new(Gate::new(&lua, &handler, &lua.globals()).expect("there is memory"));
        for (name, function) in ["call", "pcall", "rights", "protocol"].iter().zip(gate.functions())
        {
            lua.globals().set(*name, function).expect("there is memory");
        }
        Self { lua, gate }
    }

    /// What a text gives, as text, and what it called.
    fn run(&self, text: &str, place: Where) -> (Result<String, String>, Told) {
        let function = self.lua.load(text).set_name("@test").into_function().expect(text);
        let (mut told, mut out) = (Told::default(), Vec::new());
        let script = Script { function: &function, keys: &[b"k1", b"k2"], words: &[b"w"], place };
        let given = self.gate.run(&self.lua, &script, &mut told, &mut out);
        let text = String::from_utf8_lossy(&out).into_owned();
        let result = match given.expect("the machine is fine") {
            Given::Nil => Ok("nil".to_owned()),
            Given::Boolean(value) => Ok(value.to_string()),
            Given::Number(value) => Ok(value.to_string()),
            Given::Text => Ok(text),
            Given::Status => Ok(format!("+{text}")),
            Given::Other(value) => Ok(value.type_name().to_owned()),
            Given::Failed(Value::Table(table)) => Err(told_of(&table)),
            Given::Failed(value) => Err(format!("{value:?}")),
        };
        (result, told)
    }
}

/// The text of an error, and whether it was counted.
fn told_of(table: &Table) -> String {
    let text = ["err", "text"].map(|name| table.get::<Option<String>>(name).expect("a string"));
    let is_counted: bool = table.get("ignore_error_stats_update").expect("a truth value");
    let text: String = text.into_iter().flatten().collect();
    format!("{text}, {is_counted}")
}

#[test]
fn a_script_gives_what_it_gives() {
    let machine = Machine::new();
    for (text, expected) in [
        ("", "nil"),
        ("return nil", "nil"),
        ("return true", "true"),
        ("return 1.5", "1.5"),
        ("return 'a\\0b', 2", "a\0b"),
        ("return { ok = 'fine' }", "+fine"),
        ("return { ok = 1 }", "table"),
        ("return { ok = 'fine', err = 'not' }", "table"),
        ("return { 1, 2 }", "table"),
        ("return function() end", "function"),
        ("return call('echo')", "echo"),
        ("return pcall('echo')", "echo"),
        ("return call('nothing')", "nil"),
        ("return rights('a')", "a"),
        ("return pcall('fail').err", "ERR no"),
        ("return tostring(pcall('fail').ignore_error_stats_update)", "true"),
        ("local it = coroutine.wrap(function() return call('echo') end) return it()", "echo"),
        (
            "local it = call('tree') local map, set = it[2].map, it[3].set local n = 0 for _ in next, set do n = n + 1 end return table.concat({ it[1], #map.key, n, tostring(set.member), tostring(it[4]), it[5] }, ' ')",
            "7 0 1 true false end",
        ),
    ] {
        assert_eq!(machine.run(text, Where::Nowhere).0.as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_script_finds_its_keys_and_words() {
    let machine = Machine::new();
    for (place, text) in [
        (Where::Globals, "return #KEYS .. KEYS[1] .. KEYS[2] .. #ARGV .. ARGV[1]"),
        (Where::Arguments, "local k, a = ... return #k .. k[1] .. k[2] .. #a .. a[1]"),
        (Where::Nowhere, "return select('#', ...) == 0 and '2k1k21w' or 'not'"),
    ] {
        assert_eq!(machine.run(text, place).0.as_deref(), Ok("2k1k21w"), "{text}");
    }
}

#[test]
fn calls_come_with_their_words() {
    let machine = Machine::new();
    for (text, expected) in [
        ("call('a', 'b c', '')", "Call a b c "),
        ("pcall(1, 'x', -2.5, 1e15, 1e100, 3)", "Pcall 1 x -2.5 1000000000000000 1"),
        ("pcall()", "Pcall "),
        ("pcall('a', {})", "Pcall bad"),
        ("pcall('a', nil)", "Pcall bad"),
        ("pcall('a', true)", "Pcall bad"),
        ("protocol(3)", "Protocol 3"),
    ] {
        let (_, told) = machine.run(text, Where::Nowhere);
        let first = told.calls.first().expect(text);
        assert!(first.starts_with(expected), "{text}: {first}");
        assert!(expected.len() > 20 || *first == expected, "{text}: {first}");
    }
    let many = "local t = {} for i = 1, 5000 do t[i] = i end return call(unpack(t))";
    let (result, told) = machine.run(many, Where::Nowhere);
    assert_eq!(result.as_deref(), Ok("1"));
    assert!(told.calls[0].ends_with(" 4999 5000"));
}

#[test]
fn what_fails_is_raised() {
    let machine = Machine::new();
    for (text, expected) in [
        ("call('fail')", "ERR no, true"),
        ("\nreturn call('fail')", "ERR no, true"),
        ("rights('fail')", "ERR no, false"),
        ("call({})", "ERR no, true"),
        ("error('own')", "test:1: own, false"),
        ("call('halt')", "the script begins anew, false"),
    ] {
        assert_eq!(machine.run(text, Where::Nowhere).0, Err(expected.to_owned()), "{text}");
    }
}

/// A panic passes no frame of Lua: the run ends with it, and the machine is as good as before.
#[test]
fn a_caller_that_falls_takes_the_run_along() {
    let machine = Machine::new();
    // What it calls behind that is carried out by nobody.
    for text in ["call('panic')", "pcall('panic')"] {
        let fell = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            machine.run(text, Where::Nowhere).0
        }));
        assert!(fell.is_err(), "{text}");
        assert_eq!(machine.run("return call('on')", Where::Nowhere).0.as_deref(), Ok("on"));
    }
}

#[test]
fn the_clock_is_looked_at_while_a_script_runs() {
    let machine = Machine::new();
    let gate = Rc::clone(&machine.gate);
    let often = HookTriggers::new().every_nth_instruction(1_000);
    let hook = machine.lua.set_global_hook(often, move |_, _| match gate.look() {
        Some(why) => Err(mlua::Error::runtime(why)),
        None => Ok(VmState::Continue),
    });
    hook.expect("there is memory");
    assert_eq!(machine.gate.look(), None, "nobody runs a script");
    let (result, told) = machine.run("while true do end", Where::Nowhere);
    assert!(result.as_ref().is_err_and(|it| it.contains("long enough")), "{result:?}");
    assert!(told.looks > 2);
}

#[test]
fn want_of_memory_is_an_error() {
    let machine = Machine::new();
    machine.lua.set_memory_limit(8 << 20).expect("it can be limited");
    for text in [
        "local t = {} for i = 1, 1e7 do t[i] = i .. '' end",
        "return call(('x'):rep(3e6), 'x'), call(('y'):rep(3e6)), ('z'):rep(3e6)",
    ] {
        let (result, _) = machine.run(text, Where::Globals);
        assert!(result.as_ref().is_err_and(|it| it.contains("memory")), "{text}: {result:?}");
        machine.lua.gc_collect().expect("nothing fails");
        assert_eq!(machine.run("return call('on')", Where::Globals).0.as_deref(), Ok("on"));
    }
}

/// Keys and words of one script after the other, which all have the same tables for them.
#[test]
fn a_script_finds_its_own_keys_and_words_and_nothing_of_the_one_before() {
    let machine = Machine::new();
    let shown = "local function shown(t) local n = 0 for _ in pairs(t) do n = n + 1 end
        return table.concat(t, ',') .. '/' .. #t .. '/' .. n .. '/' .. tostring(getmetatable(t)) end ";
    let run = |spoil: &str, keys: &[&[u8]], words: &[&[u8]]| {
        let text =
            format!("{shown} local told = shown(KEYS) .. ' ' .. shown(ARGV) {spoil} return told");
        let function =
            machine.lua.load(text).set_name("@test").into_function().expect("it is right");
        let (mut told, mut out) = (Told::default(), Vec::new());
        let script = Script { function: &function, keys, words, place: Where::Globals };
        let given = machine.gate.run(&machine.lua, &script, &mut told, &mut out);
        assert!(matches!(given, Ok(Given::Text)), "{spoil}: {given:?}");
        String::from_utf8(out).expect("text")
    };
    let used = || machine.lua.globals().get::<Table>("KEYS").expect("it is there").to_pointer();
    let first = run("", &[b"a", b"b"], &[b"w"]);
    assert_eq!(first, "a,b/2/2/nil w/1/1/nil");
    let table = used();
    assert_eq!(run("", &[b"c"], &[]), "c/1/1/nil /0/0/nil");
    assert_eq!(used(), table, "it is used again");
    assert_eq!(run("", &[b"d", b"e"], &[b"x"]), "d,e/2/2/nil x/1/1/nil");
    assert_eq!(used(), table, "its room is still known");
    for spoil in [
        "KEYS[3] = 'more' ARGV[1] = nil",
        "KEYS.name, ARGV[0] = 1, 2",
        "setmetatable(KEYS, {}) setmetatable(ARGV, { __index = KEYS })",
        "KEYS = nil ARGV = 7",
        "KEYS, ARGV = ARGV, KEYS",
        "KEYS = ARGV",
        "for at = 1, 40 do KEYS[at] = at end",
        "for at = 1, 1e5 do KEYS[at] = at end for at = 1, 1e5 do KEYS[at] = nil end",
        "for at = 1, 30 do KEYS['x' .. at] = at end for at = 1, 30 do KEYS['x' .. at] = nil end",
        "KEYS[1], KEYS[2] = nil, nil",
    ] {
        run(spoil, &[b"f", b"g"], &[b"y"]);
        assert_eq!(run("", &[b"h"], &[b"z"]), "h/1/1/nil z/1/1/nil", "after {spoil}");
    }
    // One whose places were given back while it was small is not used again either: its words would come in another order.
    let eight: [&[u8]; 8] = [b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8"];
    let walked = "local all = {} for _, word in pairs(KEYS) do all[#all + 1] = word end told = table.concat(all)";
    run("", &eight, &[]);
    let clears = "for at = 1, 8 do KEYS[at] = nil end for at = 1, 16 do KEYS['x' .. at] = 1 end for at = 1, 16 do KEYS['x' .. at] = nil end";
    run(clears, &eight, &[]);
    assert_eq!(run(walked, &eight, &[]), "12345678");
    let many: Vec<String> = (0..40).map(|number| format!("key{number}")).collect();
    let many: Vec<&[u8]> = many.iter().map(String::as_bytes).collect();
    assert!(run("", &many, &many).contains("/40/40/nil"));
    assert_eq!(run("", &[], &[b"last"]), "/0/0/nil last/1/1/nil");
}
