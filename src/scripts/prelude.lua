-- The frame around every script: calls that raise, errors with their place, and globals that cannot be made by mistake.
local raise, xpcall, type, tostring, setmetatable, rawget = error, xpcall, type, tostring, setmetatable, rawget
local current

redis.pcall = function(...) return current(...) end
redis.call = function(...)
    local answer = current(...)
    if type(answer) == 'table' and rawget(answer, 'err') ~= nil then raise(answer, 0) end
    return answer
end
redis.setresp = function(version)
    if version ~= 2 and version ~= 3 then raise('RESP version must be 2 or 3.', 2) end
    current('\0setresp', version)
end
redis.error_reply = function(text)
    if type(text) ~= 'string' then return { err = 'ERR wrong number or type of arguments' } end
    if text:sub(1, 1) == '-' then text = text:sub(2) end
    if not text:find(' ', 1, true) then text = 'ERR ' .. text end
    return { err = text }
end
redis.status_reply = function(text)
    if type(text) ~= 'string' then return { err = 'ERR wrong number or type of arguments' } end
    return { ok = text }
end
redis.replicate_commands = function() return true end
redis.set_repl = function() end
redis.breakpoint = function() return false end
redis.debug = function() end
redis.REPL_ALL, redis.REPL_AOF, redis.REPL_SLAVE, redis.REPL_REPLICA, redis.REPL_NONE = 3, 1, 2, 2, 0
redis.LOG_DEBUG, redis.LOG_VERBOSE, redis.LOG_NOTICE, redis.LOG_WARNING = 0, 1, 2, 3
redis.REDIS_VERSION, redis.REDIS_VERSION_NUM = '7.2.4', 0x00070204
server = redis

local function table_of(message)
    if type(message) == 'table' then
        if rawget(message, 'err') == nil then return { err = 'ERR unknown error' } end
        return message
    end
    return { err = 'ERR ' .. tostring(message) }
end

for _, name in ipairs { 'dofile', 'loadfile', 'print', 'module', 'require', 'newproxy', 'package', 'io', 'debug', 'setfenv', 'getfenv' } do
    _G[name] = nil
end
os = { clock = os.clock }
KEYS, ARGV = {}, {}
setmetatable(_G, {
    __index = function(_, name)
        raise("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
    end,
    __newindex = function() raise('Attempt to modify a readonly table', 2) end,
    __metatable = false,
})
return function(script, call)
    current = call
    return xpcall(script, table_of)
end
