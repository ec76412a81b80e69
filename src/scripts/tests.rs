//! Tests of what scripts find, what they cannot change, and of libraries beside each other.

use std::rc::Rc;

use hyperion_engine::Recorded;
use hyperion_lua::{Caller, Given, Outcome, Values, Way};
use hyperion_model::ReplyWriter;

use super::library::{Codes, Libraries, Policy, add, restore};
use super::machine::{Compiled, Kind, Machine};
use super::values::given_to_answer;

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

/// What is protected shows its names, and is protected on this way too.
#[test]
fn protected_tables_can_be_walked_through() {
    let machine = Machine::new(Kind::Script).expect("there is memory");
    let names = "local names = {} for name in pairs(it) do names[#names + 1] = name end table.sort(names) return table.concat(names, ' ')";
    for (table, expected) in [
        ("bit", "arshift band bnot bor bswap bxor lshift rol ror rshift tobit tohex"),
        ("struct", "pack size unpack"),
        ("cmsgpack", "_NAME _VERSION pack unpack unpack_limit unpack_one"),
        ("os", "clock"),
        ("{ a = 1, b = 2 }", "a b"),
    ] {
        let text = format!("local it = {table} {names}");
        assert_eq!(run(&machine, &text).as_deref(), Ok(expected), "{table}");
    }
    for (text, expected) in [
        ("local n = 0 for _ in pairs(_G) do n = n + 1 end return n", "36"),
        ("for name in next, redis do if name == 'call' then return name end end", "call"),
        (
            "local _, it, key = pairs(redis) return tostring(it == redis) .. tostring(key)",
            "truenil",
        ),
        ("return type(rawget(redis, 'call')) .. type(rawget(_G, 'nothing'))", "functionnil"),
        ("local t = { 1 } rawset(t, 2, 3) return rawget(t, 2)", "3"),
        (
            "local t = { a = 1 } for key in pairs(t) do t[key] = nil end return tostring(next(t))",
            "nil",
        ),
    ] {
        assert_eq!(run(&machine, text).as_deref(), Ok(expected), "{text}");
    }
    for text in [
        "local _, it = pairs(redis) it.call = 1",
        "local _, it = pairs(redis) rawset(it, 'call', 1)",
        "local _, it = pairs(_G) it.x = 1",
        "for _, it in pairs(_G) do if it ~= KEYS and it ~= ARGV and type(it) == 'table' then rawset(it, 'x', 1) end end",
        "for name in pairs(cjson) do cjson[name] = nil end",
    ] {
        let error = run(&machine, text).expect_err(text);
        assert!(error.contains("Attempt to modify a readonly table"), "{text}: {error}");
    }
}

/// Where an error is caught it is its text, also that of a library, and the table in `xpcall` and out of coroutines.
#[test]
fn errors_are_caught_as_texts() {
    let machine = Machine::new(Kind::Script).expect("there is memory");
    for (text, expected) in [
        (
            "local done, it = pcall(error, { err = 'ERR own' }) return tostring(done) .. it",
            "falseERR own",
        ),
        ("local _, it = pcall(error, { err = 5 }) return type(it)", "number"),
        ("local _, it = pcall(error, { text = 'own' }) return type(it)", "table"),
        ("local _, it = pcall(error, 'own', 0) return it", "own"),
        (
            "local done, a, b = pcall(function() return 1, nil end) return tostring(done) .. a .. tostring(b)",
            "true1nil",
        ),
        ("return select('#', pcall(function() return nil, nil end))", "3"),
        ("local _, it = pcall(redis.sha1hex) return it", "ERR wrong number of arguments"),
        (
            "local _, it = pcall(cjson.decode, 'x') return it",
            "Expected value but found invalid token at character 1",
        ),
        (
            "local _, it = pcall(bit.bnot) return it",
            "bad argument #1 to '?' (number expected, got no value)",
        ),
        (
            "local _, it = xpcall(function() error({ err = 'ERR own' }) end, function(it) return it end) return type(it)",
            "table",
        ),
        (
            "local _, it = coroutine.resume(coroutine.create(function() error({ err = 'ERR own' }) end)) return type(it)",
            "table",
        ),
    ] {
        assert_eq!(run(&machine, text).as_deref(), Ok(expected), "{text}");
    }
    for (text, expected) in [
        ("error({ err = 'My own' })", "My own"),
        ("return error('own')", "ERR user_script:1: own"),
        (
            "\n\nlocal it = cjson.decode('x')",
            "ERR user_script:3: Expected value but found invalid token at character 1",
        ),
        (
            "return bit.band('x')",
            "ERR user_script:1: bad argument #1 to 'band' (number expected, got string)",
        ),
        (
            "bit.lshift(1)",
            "ERR user_script:1: bad argument #2 to 'lshift' (number expected, got no value)",
        ),
        (
            "local own = bit.bnot own({})",
            "ERR user_script:1: bad argument #1 to 'own' (number expected, got table)",
        ),
        (
            "table.insert(5)",
            "ERR user_script:1: bad argument #1 to 'insert' (table expected, got number)",
        ),
        ("pairs()", "ERR user_script:1: bad argument #1 to 'pairs' (table expected, got no value)"),
        (
            "loadstring({})",
            "ERR user_script:1: bad argument #1 to 'loadstring' (string expected, got table)",
        ),
        ("bit.band(unpack({}, 1, 5000))", "ERR user_script:1: too many arguments"),
        ("math.random(5, 1)", "ERR user_script:1: bad argument #2 to 'random' (interval is empty)"),
    ] {
        assert_eq!(run(&machine, text), Err(expected.to_owned()), "{text}");
    }
}

/// The numbers that Redis draws from these seeds.
#[test]
fn the_same_seed_gives_the_same_numbers() {
    let machine = Machine::new(Kind::Script).expect("there is memory");
    for (seed, expected) in [
        ("5", "53 28 788600 0.1980692"),
        ("0", "18 75 96372 0.8704652"),
        ("-1", "31 5 357927 0.4049444"),
        ("2^32 + 5", "53 28 788600 0.1980692"),
    ] {
        let text = format!(
            "math.randomseed({seed}) local r = math.random return ('%d %d %d %.7f'):format(r(100), r(100), r(1000000), r())"
        );
        assert_eq!(run(&machine, &text).as_deref(), Ok(expected), "{seed}");
    }
}

/// As deep as a stack of Lua is.
#[test]
fn answers_are_deep() {
    let machine = Machine::new(Kind::Script).expect("there is memory");
    let answer = |text: &str| {
        let script = machine.compile(text, text.as_bytes()).expect("it is right");
        let given = machine.run(&script, [&[], &[]], &mut Nothing, &mut Vec::new());
        let mut answer = Recorded::default();
        let given = given.expect("it runs");
        given_to_answer(&machine, &given, &[], false, &mut answer).expect("there is memory");
        answer
    };
    let nested = |depth: usize, end: fn(&mut Recorded)| {
        let mut answer = Recorded::default();
        (0..depth).for_each(|_| answer.array(1));
        end(&mut answer);
        answer
    };
    let deep = "local t = {} for _ = 1, 7000 do t = { t } end return t";
    assert!(answer(deep) == nested(7_000, |answer| answer.array(0)));
    let limit: fn(&mut Recorded) = |answer| answer.error("ERR reached lua stack limit");
    let whole = answer("local t = {} t[1] = t return t");
    let depth = (7_900..8_000).find(|&depth| whole == nested(depth, limit));
    assert!(depth.is_some(), "it ends where the stack does");
}

/// JSON in and out, with what scripts set of it, as Redis' own library has it.
#[test]
fn json_is_that_of_redis() {
    let machine = Machine::new(Kind::Script).expect("there is memory");
    for (text, expected) in [
        (
            "return cjson.encode({ 123456789012345, 1e15, 1e14, 0.1, 1/3, -0.0, 5, -5, 1e13, 1e-7 })",
            "[1.2345678901234e+14,1e+15,1e+14,0.1,0.33333333333333,-0,5,-5,10000000000000,1e-07]",
        ),
        (
            "return cjson.encode({ { }, { 1, nil, 3 }, { [0] = 1 }, 'a/\\n', cjson.null })",
            r#"[{},[1,null,3],{"0":1},"a\/\n",null]"#,
        ),
        (
            "return cjson.encode(cjson.decode('[[],{},[[]],[{}],1,\"a\",true,false,null]'))",
            r#"[{},{},[{}],[{}],1,"a",true,false,null]"#,
        ),
        ("return cjson.decode('\"\\\\u00e9\\\\ud83d\\\\ude00\\\\/\"')", "\u{e9}\u{1f600}/"),
        ("return cjson.decode('{\"a\":{\"b\":[1,{\"c\":7}]},\"a2\":1}').a.b[2].c", "7"),
        (
            "local s = '' for _, it in ipairs { 'nan', '-inf', 'Infinity', '1e400', '01', '1.', '0x10', '+5', '0x1.8p1', '-0' } do s = s .. tostring(cjson.decode(it)) .. ' ' end return s",
            "nan -inf inf inf 1 1 16 5 3 -0 ",
        ),
        ("return #cjson.encode(cjson.decode(('['):rep(1000) .. (']'):rep(1000)))", "2000"),
        ("local t = {} for _ = 1, 999 do t = { a = t } end return #cjson.encode(t)", "5996"),
        (
            "local a, b, c = cjson.encode_sparse_array(true, 3, 4) return tostring(a) .. b .. c .. cjson.encode({ [1] = 1, [4] = 2 }) .. #cjson.encode({ [1] = 1, [20] = 2 })",
            "true34[1,null,null,2]14",
        ),
        (
            "local a, b, c = cjson.encode_sparse_array(false, 0) return #cjson.encode({ [1] = 1, [2000] = 2 })",
            "9995",
        ),
        (
            "return tostring(cjson.encode_keep_buffer()) .. tostring(cjson.decode_invalid_numbers()) .. tostring(cjson.encode_invalid_numbers('null')) .. cjson.encode({ 0/0 })",
            "truetruenull[null]",
        ),
        (
            "return tostring(cjson.encode_invalid_numbers(true)) .. cjson.encode({ 0/0, 1/0, -1/0 })",
            "true[nan,inf,-inf]",
        ),
        (
            "return cjson.encode_number_precision(3) .. cjson.encode({ 1234.5, 0.12345 }) .. cjson.encode_number_precision(14)",
            "3[1.23e+03,0.123]14",
        ),
        (
            "local own = cjson.new() own.encode_max_depth(3) own.mine = 1 return own.encode_max_depth() .. cjson.encode_max_depth()",
            "31000",
        ),
        (
            "return cjson.decode_max_depth(5000) .. #cjson.decode(('['):rep(2500) .. (']'):rep(2500))",
            "50001",
        ),
        ("return cjson.encode_max_depth(5) .. cjson.encode({{{{{}}}}})", "5[[[[{}]]]]"),
    ] {
        assert_eq!(run(&machine, text).as_deref(), Ok(expected), "{text}");
    }
    for (text, expected) in [
        ("cjson.encode({{{{{{}}}}}})", "Cannot serialise, excessive nesting (6)"),
        (
            "cjson.encode({ [true] = 1 })",
            "Cannot serialise boolean: table key must be a number or string",
        ),
        (
            "cjson.encode({ a = print })",
            "Script attempted to access nonexistent global variable 'print'",
        ),
        ("cjson.encode({ a = type })", "Cannot serialise function: type not supported"),
        ("cjson.encode()", "bad argument #1 to 'encode' (expected 1 argument)"),
        ("cjson.encode(1, 2)", "bad argument #1 to 'encode' (expected 1 argument)"),
        ("cjson.decode({})", "bad argument #1 to 'decode' (string expected, got table)"),
        (
            "cjson.encode_max_depth(0)",
            "bad argument #1 to 'encode_max_depth' (expected integer between 1 and 2147483647)",
        ),
        (
            "cjson.encode_number_precision(15)",
            "bad argument #1 to 'encode_number_precision' (expected integer between 1 and 14)",
        ),
        (
            "cjson.encode_keep_buffer(1)",
            "bad argument #1 to 'encode_keep_buffer' (invalid option '1')",
        ),
        (
            "cjson.encode_keep_buffer(true, 1)",
            "bad argument #2 to 'encode_keep_buffer' (found too many arguments)",
        ),
        (
            "cjson.decode(('['):rep(4000))",
            "Found too many nested data structures (2601) at character 2601",
        ),
        (
            "cjson.encode_sparse_array(false, 2) cjson.encode({ [1] = 1, [20] = 2 })",
            "Cannot serialise table: excessively sparse array",
        ),
        (
            "cjson.decode_invalid_numbers(false) cjson.decode('[0x10]')",
            "Expected value but found invalid number at character 2",
        ),
        // What the script before has set stays.
        ("cjson.decode('nan')", "Expected value but found invalid token at character 1"),
    ] {
        let expected = format!("ERR user_script:1: {expected}");
        assert_eq!(run(&machine, text), Err(expected), "{text}");
    }
    // Nothing is set there.
    let machine = Machine::new(Kind::Script).expect("there is memory");
    for (json, expected) in [
        ("", "value but found T_END at character 1"),
        ("[", "value but found T_END at character 2"),
        ("[1", "comma or array end but found T_END at character 3"),
        ("[1,]", "value but found T_ARR_END at character 4"),
        ("[1 2]", "comma or array end but found T_NUMBER at character 4"),
        ("1 2", "the end but found T_NUMBER at character 3"),
        ("{", "object key string but found T_END at character 2"),
        ("{1:1}", "object key string but found T_NUMBER at character 2"),
        ("{\"a\" 1}", "colon but found T_NUMBER at character 6"),
        ("{\"a\":1 \"b\":2}", "comma or object end but found T_STRING at character 8"),
        ("{\"a\":1,}", "object key string but found T_OBJ_END at character 8"),
        ("-", "value but found invalid number at character 1"),
        (".5", "value but found invalid token at character 1"),
        ("0x", "the end but found invalid token at character 2"),
        ("1e+", "the end but found invalid token at character 2"),
        ("\"abc", "value but found unexpected end of string at character 5"),
        ("\"a\\qc\"", "value but found invalid escape code at character 3"),
        ("\"\\ud83d\"", "value but found invalid unicode escape code at character 2"),
    ] {
        let text = format!("cjson.decode([[\n{json}]])");
        let text = if json.starts_with('[') || json.ends_with(']') {
            format!("cjson.decode('{json}')")
        } else {
            text
        };
        let expected = format!("ERR user_script:1: Expected {expected}");
        assert_eq!(run(&machine, &text), Err(expected), "{json}");
    }
}

/// Values as bytes, and the rounding of numbers to bits, as C has them.
#[test]
fn bits_and_packed_values_are_those_of_redis() {
    let machine = Machine::new(Kind::Script).expect("there is memory");
    let hex = "local function hex(it) return (it:gsub('.', function(c) return ('%02x'):format(c:byte()) end)) end ";
    for (text, expected) in [
        ("bit.bor(1.5, 2.5)", "2"),
        ("bit.tobit(0.5) .. bit.tobit(1.5) .. bit.tobit(-1.5) .. bit.tobit(3.7)", "02-24"),
        (
            "bit.tobit(2^32 - 0.5) .. ' ' .. bit.tobit(2^31) .. ' ' .. bit.tobit(-1)",
            "0 -2147483648 -1",
        ),
        ("hex(struct.pack('<i16', 1))", "01000000000000000000000000000000"),
        ("hex(struct.pack('>i16', -1))", "0000000000000000ffffffffffffffff"),
        ("hex(struct.pack('!bi3', 1, 2))", "010000020000"),
        ("hex(struct.pack('>i4i4I8', 1.9, -1.9, 1e20))", "00000001ffffffff0000000000000000"),
        ("hex(struct.pack('!4bxs', 1, 'a'))", "01006100"),
        ("table.concat({ struct.unpack('i16', ('a'):rep(16)) }, ' ')", "7.0169967652934e+18 17"),
        ("table.concat({ struct.unpack('bc0', '\\2abcd') }, ' ')", "ab 4"),
        ("table.concat({ struct.unpack('!4bi4', struct.pack('!4bi4', 1, -2)) }, ' ')", "1 -2 9"),
        ("struct.size('!4bi4') .. ' ' .. struct.size('y')", "8 0"),
        ("table.concat({ cmsgpack.unpack_limit('123', 0) }, ' ')", "49 50 51"),
        ("table.concat({ cmsgpack.unpack_limit('123', 0, 1) }, ' ')", "1"),
        ("table.concat({ cmsgpack.unpack_limit('123', 2) }, ' ')", "2 49 50"),
        ("table.concat({ cmsgpack.unpack_one('123', 3) }, ' ')", "-1"),
        ("select('#', cmsgpack.unpack(cmsgpack.pack(unpack({}, 1, 3000))))", "3000"),
    ] {
        assert_eq!(
            run(&machine, &format!("{hex} return {text}")).as_deref(),
            Ok(expected),
            "{text}"
        );
    }
    for (text, expected) in [
        ("struct.pack('i33', 1)", "integral size 33 is larger than limit of 32"),
        ("struct.pack('!3i4', 1)", "alignment 3 is not a power of 2"),
        ("struct.pack('y', 1)", "bad argument #1 to 'pack' (invalid format option 'y')"),
        ("struct.pack('i4')", "bad argument #2 to 'pack' (number expected, got nil)"),
        ("struct.pack('c5', 'abc')", "bad argument #3 to 'pack' (string too short)"),
        ("struct.pack('c2147483648', 'a')", "integral size overflow"),
        (
            "struct.unpack('i4', 'abcd', 0)",
            "bad argument #3 to 'unpack' (offset must be 1 or greater)",
        ),
        ("struct.unpack('i4', 'abcd', -1)", "bad argument #2 to 'unpack' (data string too short)"),
        (
            "struct.unpack('fc0', struct.pack('f', -1) .. 'abcd')",
            "bad argument #2 to 'unpack' (data string too short)",
        ),
        ("struct.unpack('c0', 'abcd')", "format 'c0' needs a previous size"),
        ("struct.unpack('s', 'abcd')", "unfinished string in data"),
        ("struct.size('s')", "bad argument #1 to 'size' (option 's' has no fixed size)"),
        ("cmsgpack.pack()", "bad argument #0 to 'pack' (MessagePack pack needs input.)"),
        (
            "cmsgpack.unpack_limit('123')",
            "bad argument #2 to 'unpack_limit' (number expected, got no value)",
        ),
        (
            "cmsgpack.unpack_limit('123', -1)",
            "Invalid request to unpack with offset of 0 and limit of 3.",
        ),
        ("cmsgpack.unpack('\\193')", "Bad data format in input."),
    ] {
        let expected = format!("ERR user_script:1: {expected}");
        assert_eq!(run(&machine, text), Err(expected), "{text}");
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

/// Little memory holds one table many times: what would be written of it ends at a bound.
#[test]
fn answers_and_packed_messages_have_a_limit() {
    let machine = Machine::new(Kind::Script).expect("there is memory");
    let grown =
        "local t = 1 for i = 1, 12 do local o = {} for j = 1, 100 do o[j] = t end t = o end";
    for text in [&format!("{grown} return t"), "local t = {} t[1], t[2] = t, t return t"] {
        let script = machine.compile("test", text.as_bytes()).expect("sound");
        let ran = machine.run(&script, [&[], &[]], &mut Nothing, &mut Vec::new());
        let given = ran.expect("it runs");
        let mut answer = Recorded::default();
        let ended = given_to_answer(&machine, &given, b"", false, &mut answer);
        let error = ended.expect_err("it is too long").to_string();
        assert!(error.contains("longer than 268435456 bytes"), "{error}");
    }
    let error = run(&machine, &format!("{grown} return #cmsgpack.pack(t)")).expect_err("too long");
    assert!(error.contains("not enough memory"), "{error}");
}
