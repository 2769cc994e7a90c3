-- SPDX-License-Identifier: GPL-3.0-or-later
-- Lean peer: the two endpoints in nginx's Lua module, as a user of OpenResty would write them.
-- Verified tokens are cached; connections to Redis are pooled. Environment: bench/peers/README.md.
local cjson = require "cjson.safe"
local lrucache = require "resty.lrucache"
local base64 = require "ngx.base64"
local redis = require "nginx.redis"
local ffi = require "ffi"

ffi.cdef [[
const void *EVP_sha256(void);
unsigned char *HMAC(const void *md, const void *key, int key_n, const unsigned char *data, size_t n,
                    unsigned char *digest, unsigned int *digest_n);
int CRYPTO_memcmp(const void *a, const void *b, size_t n);
]]

local C, null, ngx = ffi.C, ngx.null, ngx
local REDIS, PASSWORD = "unix:" .. os.getenv("REDIS_SOCKET"), os.getenv("REDIS_PASSWORD")
local SECRET, PREFIX = os.getenv("JWT_SECRET"), os.getenv("KEY_PREFIX")
local WEIGHTS = { completion = 0.4, quiz = 0.3, quality = 0.2, consistency = 0.1 }
local tokens = lrucache.new(4096)
local digest, digest_n = ffi.new("unsigned char[32]"), ffi.new("unsigned int[1]")

local function refuse(status, message)
    ngx.status = status
    ngx.say(cjson.encode { success = false, error = { message = message } })
    return ngx.exit(status)
end

local function verify(token)
    local signed, header, payload, signature = token:match("^(([%w_-]+)%.([%w_-]+))%.([%w_-]+)$")
    header = signed and cjson.decode(base64.decode_base64url(header) or "")
    signature = signed and base64.decode_base64url(signature)
    if not header or header.alg ~= "HS256" or not signature or #signature ~= 32 then return nil end
    C.HMAC(C.EVP_sha256(), SECRET, #SECRET, signed, #signed, digest, digest_n)
    if C.CRYPTO_memcmp(digest, signature, 32) ~= 0 then return nil end
    local claims = cjson.decode(base64.decode_base64url(payload) or "")
    return claims and claims.exp > ngx.time() and claims
end

local function request_of_caller()
    local token = (ngx.var.http_authorization or ""):match("^Bearer (.+)$")
    if not token then return refuse(401, "a bearer token is required") end
    local claims = tokens:get(token)
    if not claims then
        claims = verify(token) or refuse(401, "the token is not valid")
        tokens:set(token, claims, math.min(60, claims.exp - ngx.time()))
    end
    ngx.req.read_body()
    local body = cjson.decode(ngx.req.get_body_data() or "")
    if type(body) ~= "table" or type(body.student_id) ~= "string" then
        return refuse(400, "student_id is required")
    end
    if claims.role ~= "admin" and claims.sub ~= body.student_id then return refuse(403, "not your student") end
    return body
end

local function connect()
    local r = redis:new()
    if not r:connect(REDIS) then return refuse(503, "the store is unavailable") end
    if PASSWORD ~= "" and r:get_reused_times() == 0 then r:auth(PASSWORD) end
    return r
end

local function last_days(now)
    local days = {}
    for i = 0, 6 do days[i + 1] = os.date("!%Y%m%d", now - (6 - i) * 86400) end
    return days
end

local function timestamp(now)
    return os.date("!%Y-%m-%dT%H:%M:%S", now) .. string.format(".%03dZ", now % 1 * 1000)
end

local function rounded(x)
    return math.floor(x * 1e12 + 0.5) / 1e12
end

local function respond(data, days, now)
    local sum, n, first, last = 0, 0, nil, nil
    for _, day in ipairs(days) do
        if day ~= null then
            last = tonumber(day)
            first, sum, n = first or last, sum + last, n + 1
        end
    end
    local change = n > 1 and last - first
    ngx.header["Content-Type"] = "application/json"
    ngx.print(cjson.encode {
        success = true, student_id = data.student_id, mastery_score = data.mastery_score, level = data.level,
        data = data, historical_average = n > 0 and rounded(sum / n) or null,
        trend = change and (change > 0.02 and "improving" or change < -0.02 and "declining" or "stable") or null,
        metadata = { query_time = timestamp(now), student_id = data.student_id },
    })
end

local function query()
    local body, now = request_of_caller(), ngx.now()
    local key, r = PREFIX .. "student:" .. body.student_id, connect()
    r:init_pipeline(2)
    r:get(key)
    r:hmget(key .. ":days", unpack(last_days(now)))
    local replies = r:commit_pipeline() or refuse(503, "the store is unavailable")
    r:set_keepalive(60000, 64)
    if replies[1] == null then return refuse(404, "no data") end
    return respond(cjson.decode(replies[1]), replies[2], now)
end

local function calculate()
    local body, now = request_of_caller(), ngx.now()
    local components, weights = body.components or {}, body.weights or WEIGHTS
    local breakdown, sum = { weights = weights }, 0
    for name in pairs(WEIGHTS) do
        local x = components[name]
        if type(x) ~= "number" or x < 0 or x > 1 then return refuse(400, name .. " must be in [0,1]") end
        breakdown[name] = rounded(x * weights[name])
        sum = sum + x * weights[name]
    end
    breakdown.weighted_sum = rounded(sum)
    local score = math.min(1, breakdown.weighted_sum)
    local level = score < 0.4 and "novice" or score < 0.6 and "developing" or score < 0.8 and "proficient" or "master"
    local data = {
        student_id = body.student_id, mastery_score = score, level = level, components = components,
        breakdown = breakdown, calculated_at = timestamp(now), version = "1.0.0",
    }
    local days, key, r = last_days(now), PREFIX .. "student:" .. body.student_id, connect()
    r:init_pipeline(4)
    r:set(key, cjson.encode(data))
    r:hset(key .. ":days", days[7], score)
    r:expire(key .. ":days", 90 * 86400)
    r:hmget(key .. ":days", unpack(days))
    local replies = r:commit_pipeline() or refuse(503, "the store is unavailable")
    r:set_keepalive(60000, 64)
    return respond(data, replies[4], now)
end

return { query = query, calculate = calculate }
