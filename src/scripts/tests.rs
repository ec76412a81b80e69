//! Tests of what scripts find, what they cannot change, and of libraries beside each other.

use std::rc::Rc;

use hyperion_lua::{Caller, Given, Outcome, Values, Way};

use super::library::{Codes, Libraries, Policy, add, restore};
use super::machine::{Compiled, Kind, Machine};

/// What is called is nothing.
struct Nothing;

impl Caller for Nothing {
    fn call(&mut self, _: Way, _: Option<&[&[u8]]>, _: &mut Values) -> Outcome {
        Outcome::Given
    }

    fn look(&mut self) -> Option<String> {
        None
    }
}

/// What a script gives, or the line of its error.
fn run(machine: &Machine, text: &str) -> Result<String, String> {
    let script = machine.compile("test", text.as_bytes())?;
    let mut text = Vec::new();
    match machine.run(&script, [&[], &[]], &mut Nothing, &mut text)? {
        Given::Failed(error) => Err(super::error_text(&error)),
        Given::Text | Given::Status => Ok(String::from_utf8_lossy(&text).into_owned()),
        Given::Number(number) => Ok(number.to_string()),
        given => Ok(format!("{given:?}")),
    }
}

/// Short scripts, one after the other: the machine stays as small as it was made.
#[test]
fn scripts_with_few_keys_leave_nothing_to_collect() {
    let machine = Machine::new(Kind::Script).expect("there is memory");
    let [adds, makes] = ["return KEYS[1] == ARGV[2]", "return { KEYS[1], ARGV[1] .. #ARGV }"]
        .map(|text| machine.compile(text, text.as_bytes()).expect("it is right"));
    let run = |script: &Rc<Compiled>| {
        let lists: [&[&[u8]]; 2] = [&[b"key"], &[b"word", b"other"]];
        machine.run(script, lists, &mut Nothing, &mut Vec::new()).expect("it runs")
    };
    run(&adds);
    let first = machine.used_bytes();
    assert!(first < 80 << 10, "{first} bytes");
    for _ in 0..1_000 {
        assert!(matches!(run(&adds), Given::Boolean(false)));
        assert_eq!(machine.used_bytes(), first);
    }
    for _ in 0..10_000 {
        assert!(matches!(run(&makes), Given::Other(_)));
        let used = machine.used_bytes();
        assert!(used < 3 * first, "{used} bytes, {first} at first");
    }
}

#[test]
fn what_scripts_find_cannot_be_changed() {
    let machine = Machine::new(Kind::Script).expect("there is memory");
    for text in [
        "redis = 1",
        "x = 1",
        "_G = {}",
        "_G.x = 1",
        "redis.call = nil",
        "server.call = nil",
        "cjson.encode = nil",
        "string.sub = nil",
        "math.random = nil",
        "os.clock = nil",
        "rawset(_G, 'x', 1)",
        "table.insert(_G, KEYS)",
        "table.insert(redis, 1, KEYS)",
        "table.insert(getmetatable(_G), 1)",
        "table.remove(_G)",
        "table.sort(string)",
        "rawset(redis, 'call', 1)",
        "rawset(getmetatable(_G), '__index', {})",
        "setmetatable(_G, {})",
        "setmetatable(redis, {})",
        "getmetatable(_G).__index = {}",
        "loadstring('x = 1')()",
        "loadstring('redis = 1')()",
        "load(function() if not done then return nil end end)() x = 1",
    ] {
        let error = run(&machine, text).expect_err(text);
        let known = error.contains("Attempt to modify a readonly table")
            || error.contains("nonexistent global variable 'done'");
        assert!(known, "{text}: {error}");
    }
    for (text, expected) in [
        ("return tostring(getmetatable(''))", "false"),
        ("return ('x'):upper() .. string.upper('y')", "XY"),
        ("return tostring(loadstring('\\27Lua'))", "nil"),
        ("return loadstring('return 1 + 1')()", "2"),
        (
            "local parts = {'return ', '7'} local at = 0 return load(function() at = at + 1 return parts[at] end)()",
            "7",
        ),
        ("local t = setmetatable({}, {__index = function() return 5 end}) return t.x", "5"),
        ("local t = {} rawset(t, 'a', 3) return t.a", "3"),
        ("return tostring(collectgarbage('stop')) .. type(collectgarbage('count'))", "0number"),
        ("return table.concat({1, 2}, '-')", "1-2"),
        ("local f = coroutine.wrap(function() coroutine.yield(4) end) return f()", "4"),
    ] {
        assert_eq!(run(&machine, text).as_deref(), Ok(expected), "{text}");
    }
    for name in [
        "print", "dofile", "loadfile", "require", "module", "package", "io", "debug", "setfenv",
        "getfenv", "newproxy", "nothing",
    ] {
        let error = run(&machine, &format!("return {name}")).expect_err(name);
        assert!(error.contains(&format!("nonexistent global variable '{name}'")), "{error}");
    }
}

#[test]
fn the_first_line_says_what_a_script_does() {
    let machine = Machine::new(Kind::Script).expect("there is memory");
    for (text, error) in [
        ("#!lua", "ERR Invalid script shebang"),
        ("#!js\nreturn 1", "ERR Unexpected engine in script shebang: #!js"),
        ("#! lua\nreturn 1", "ERR Unexpected engine in script shebang: #!"),
        ("#!lua name=x\nreturn 1", "ERR Unknown lua shebang option: name=x"),
        ("#!lua flags=allow-oom,what?\nreturn 1", "ERR Unexpected flag in script shebang: what?"),
    ] {
        assert_eq!(machine.compile("x", text.as_bytes()).expect_err(text), error);
    }
    let named = |text: &str| {
        let compiled = machine.compile("x", text.as_bytes()).expect(text);
        compiled.flags.map(|flags| flags.names().collect::<Vec<_>>().join(" "))
    };
    assert_eq!(named("return 1"), None);
    assert_eq!(named("#!lua flags=\nreturn 1").as_deref(), Some(""));
    let all = "#!lua flags=no-cluster,no-writes,allow-oom,allow-stale,allow-cross-slot-keys\n";
    let names = "no-writes allow-oom allow-stale no-cluster allow-cross-slot-keys";
    assert_eq!(named(all).as_deref(), Some(names));
}

/// Numbers are taken for texts, as everywhere in Lua.
#[test]
fn functions_are_registered_with_numbers_for_texts() {
    let mut codes = Codes::new();
    for (code, error) in [
        ("redis.register_function{function_name=5, description=5, callback=function() end}", None),
        ("redis.register_function(6, function() end)", None),
        (
            "redis.register_function{function_name='f', description={}, callback=function() end}",
            Some("description argument given to redis.register_function must be a string"),
        ),
    ] {
        let added = add(&mut codes, &format!("#!lua name=a\n{code}"), true);
        let error = error.map(|it| format!("ERR Error registering functions: ERR {it}"));
        assert_eq!(added.err(), error, "{code}");
    }
}

fn library(name: &str, functions: &[&str]) -> String {
    let lines =
        functions.iter().map(|it| format!("redis.register_function('{it}', function() end)\n"));
    format!("#!lua name={name}\n{}", lines.collect::<String>())
}

#[test]
fn libraries_stand_side_by_side() {
    let mut codes = Codes::new();
    assert_eq!(add(&mut codes, &library("a", &["f", "g"]), false).as_deref(), Ok("a"));
    assert_eq!(add(&mut codes, &library("'b'", &["h"]), false).as_deref(), Ok("b"));
    let before = codes.clone();
    for (code, replaces, error) in [
        (library("a", &["f"]), false, "ERR Library 'a' already exists"),
        (library("c", &["H"]), false, "ERR Function H already exists"),
        (library("a", &["h"]), true, "ERR Function h already exists"),
        (
            library("c", &["x", "x"]),
            true,
            "ERR Error registering functions: ERR Function already exists in the library",
        ),
        (library("c", &[]), true, "ERR No functions registered"),
        (library("'c", &["x"]), true, "ERR Invalid library metadata"),
        (library("'c'd", &["x"]), true, "ERR Invalid library metadata"),
    ] {
        assert_eq!(add(&mut codes, &code, replaces).expect_err(&code), error);
        assert_eq!(codes, before, "{code}");
    }
    assert_eq!(add(&mut codes, &library("a", &["f"]), true).as_deref(), Ok("a"));
    assert_eq!(Libraries::of(&codes).expect("there is memory").counts(), [2, 2]);

    let others = [library("a", &["g"]), library("d", &["i"])];
    let append = restore(&mut codes, &others, Policy::Append);
    assert_eq!(append, Err("ERR Library a already exists".to_owned()));
    let clash = restore(&mut codes, &[library("d", &["h"])], Policy::Replace);
    assert_eq!(clash, Err("ERR Function h already exists".to_owned()));
    assert_eq!(restore(&mut codes, &others, Policy::Replace), Ok(()));
    assert_eq!(codes.keys().collect::<Vec<_>>(), ["a", "b", "d"]);
    assert_eq!(restore(&mut codes, &others, Policy::Flush), Ok(()));
    assert_eq!(codes.keys().collect::<Vec<_>>(), ["a", "d"]);
}

/// What came with a config that a person wrote is used as far as it goes.
#[test]
fn what_cannot_be_loaded_is_left_out() {
    let codes: Codes = [
        ("a", library("a", &["f"])),
        ("other", library("b", &["g"])),
        ("bad", "#!lua name=bad\nif".to_owned()),
    ]
    .into_iter()
    .map(|(name, code)| (name.to_owned(), code))
    .collect();
    let mut libraries = Libraries::of(&codes).expect("there is memory");
    assert_eq!(libraries.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a"]);
    assert!(libraries.find(b"F").is_some() && libraries.find(b"g").is_none());
    libraries.follow(&Codes::new());
    assert_eq!(libraries.counts(), [0, 0]);
}

/// A machine lends few values, and one more ends the node.
#[test]
fn functions_have_a_limit() {
    let many = |name: &str, count: usize| {
        format!(
            "#!lua name={name}\nfor i = 1, {count} do redis.register_function('{name}' .. i, function() end) end"
        )
    };
    let mut codes = Codes::new();
    let too_many = "functions of all libraries are kept at most";
    let error = add(&mut codes, &many("a", 9_000), false).expect_err("there are too many");
    assert!(error.contains(too_many), "{error}");
    assert_eq!(add(&mut codes, &many("a", 2_400), false).as_deref(), Ok("a"));
    for (name, count, fits) in [("b", 200, false), ("b", 100, true), ("a", 2_400, true)] {
        let added = add(&mut codes, &many(name, count), true);
        assert_eq!(added.is_ok(), fits, "{name} {count}: {added:?}");
    }
}
