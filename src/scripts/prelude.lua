-- What scripts and functions find: views of tables that nobody changes. What they call comes into the table `redis` later.
-- Gets: whether it is for functions of libraries, who registers those, who knows the line of an error, and the table of views, whose values are what they
-- show: functions that go past metatables ask it already. Gives: the globals of scripts as they are shown, a switch
-- between what is there while a library is loaded and what is there when its functions run, the globals in truth, and who makes the table of an error.
local is_of_libraries, register, locate, views = ...
local raise, type, tostring, select = error, type, tostring, select
local setmetatable, rawget, rawset = setmetatable, rawget, rawset
local loadstring, setfenv, collect, byte, concat = loadstring, setfenv, collectgarbage, string.byte, table.concat

local function readonly() raise('Attempt to modify a readonly table', 2) end
local function absent(_, name)
    raise("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end
local function view_of(inner)
    local shown = setmetatable({}, { __newindex = readonly, __metatable = false })
    local view = setmetatable({}, { __index = inner, __newindex = readonly, __metatable = shown })
    views[shown], views[view] = true, inner
    return view
end

local globals = _G
-- An error of a call, and another that is a table with a text, is that text where it is caught, as in Redis.
local pcall = pcall
local function caught(is_done, ...)
    if is_done then return is_done, ... end
    local problem = ...
    if type(problem) == 'table' then
        local text = problem.err
        if type(text) == 'string' or type(text) == 'number' then return false, text end
    elseif type(problem) == 'userdata' then
        return false, tostring(problem)
    end
    return false, problem
end
globals.pcall = function(...) return caught(pcall(...)) end

local environment
-- Text alone: what is compiled already could do anything.
local function unexpected(name, kind, ...)
    local found = select('#', ...) == 0 and 'no value' or type((...))
    raise("bad argument #1 to '" .. name .. "' (" .. kind .. ' expected, got ' .. found .. ')', 3)
end
globals.loadstring = function(...)
    local text, name = ...
    if type(text) ~= 'string' and type(text) ~= 'number' then unexpected('loadstring', 'string', ...) end
    if type(text) == 'string' and byte(text, 1) == 27 then return nil, 'only text can be loaded' end
    local chunk, problem = loadstring(text, name)
    if chunk then setfenv(chunk, environment) end
    return chunk, problem
end
globals.load = function(...)
    local reader, name = ...
    if type(reader) ~= 'function' then unexpected('load', 'function', ...) end
    local pieces = {}
    for piece in reader do
        if piece == '' then break end
        pieces[#pieces + 1] = piece
    end
    return globals.loadstring(concat(pieces), name or '=(load)')
end
globals.collectgarbage = function(what)
    if what == nil or what == 'count' or what == 'collect' then return collect(what) end
    if what == 'step' then return false end
    return 0
end
getmetatable('').__metatable = false

local function bounded(called)
    return function(...)
        if select('#', ...) > 4000 then raise('too many arguments', 2) end
        return called(...)
    end
end

local redis = redis
local log = bounded(redis.log)
redis.log = function(...)
    local level = ...
    if select('#', ...) < 2 then raise({ err = 'ERR redis.log() requires two arguments or more.' }, 0) end
    if type(level) ~= 'number' then
        raise({ err = 'ERR First argument must be a number (log level).' }, 0)
    end
    if level < 0 or level > 3 then raise({ err = 'ERR Invalid log level.' }, 0) end
    log(...)
end
local sha1hex = redis.sha1hex
redis.sha1hex = function(...)
    if select('#', ...) ~= 1 then raise({ err = 'ERR wrong number of arguments' }, 0) end
    local text = ...
    if type(text) ~= 'string' and type(text) ~= 'number' then text = '' end
    return sha1hex(text)
end
redis.error_reply = function(...)
    local text = ...
    if select('#', ...) ~= 1 or type(text) ~= 'string' then
        return { err = 'ERR wrong number or type of arguments' }
    end
    if text:sub(1, 1) == '-' then text = text:sub(2) end
    if not text:find(' ', 1, true) then text = 'ERR ' .. text end
    return { err = text }
end
redis.status_reply = function(...)
    local text = ...
    if select('#', ...) ~= 1 or type(text) ~= 'string' then
        return { err = 'ERR wrong number or type of arguments' }
    end
    return { ok = text }
end
redis.replicate_commands = function() return true end
redis.set_repl = function(...)
    local flags = ...
    if select('#', ...) ~= 1 then raise({ err = 'ERR redis.set_repl() requires two arguments.' }, 0) end
    if type(flags) ~= 'number' or flags < 0 or flags > 3 then
        raise({ err = 'ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.' }, 0)
    end
end
redis.breakpoint = function() return false end
redis.debug = function() end
redis.REPL_ALL, redis.REPL_AOF, redis.REPL_SLAVE, redis.REPL_REPLICA, redis.REPL_NONE = 3, 1, 2, 2, 0
redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE, redis.LOG_WARNING = 0, 1, 2, 3
redis.REDIS_VERSION, redis.REDIS_VERSION_NUM = '7.2.4', 0x00070204

-- An error with its line, which the stack still tells: where it was raised last.
local function table_of(message)
    if type(message) ~= 'table' then
        message = { err = 'ERR ' .. tostring(message) }
    elseif rawget(message, 'err') == nil then
        message = { err = 'ERR unknown error' }
    end
    locate(message)
    return message
end

for _, name in ipairs { 'dofile', 'loadfile', 'print', 'module', 'require', 'newproxy', 'package', 'io', 'debug', 'setfenv', 'getfenv' } do
    globals[name] = nil
end
for _, name in ipairs { 'string', 'table', 'math', 'coroutine', 'bit', 'cjson', 'cmsgpack', 'struct' } do
    globals[name] = view_of(globals[name])
end
globals.os = view_of({ clock = os.clock })
globals.redis = view_of(redis)
globals.server = globals.redis
setmetatable(globals, { __index = absent })

environment = {}
local meta = { __index = globals, __newindex = readonly, __metatable = view_of({}) }
setmetatable(environment, meta)
views[environment] = globals
globals._G = environment

-- While a library is loaded there is nothing but a way to register functions.
local loading
if is_of_libraries then
    local shown = {
        register_function = function(...)
            local problem = register(select('#', ...), ...)
            if problem then raise({ err = 'ERR ' .. problem }, 0) end
        end,
        log = redis.log,
        REDIS_VERSION = redis.REDIS_VERSION, REDIS_VERSION_NUM = redis.REDIS_VERSION_NUM,
        LOG_DEBUG = redis.LOG_DEBUG, LOG_VERBOSE = redis.LOG_VERBOSE,
        LOG_NOTICE = redis.LOG_NOTICE, LOG_WARNING = redis.LOG_WARNING,
    }
    local api = view_of(setmetatable(shown, { __index = absent }))
    loading = setmetatable({ redis = api, server = api }, { __index = absent })
else
    globals.KEYS, globals.ARGV = {}, {}
end
local function switch(is_loading)
    meta.__index = is_loading and loading or globals
    views[environment] = meta.__index
end

return environment, switch, globals, table_of
