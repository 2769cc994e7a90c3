-- SPDX-License-Identifier: GPL-3.0-or-later
-- The peer in Lua, inside nginx (OpenResty's Lua module), without a second process. It is written for
-- speed: LuaJIT, OpenSSL by FFI, a cache of verified tokens, one pipeline per round trip, pooled
-- connections, and the stored result is copied into the response without parsing it.
-- Environment: REDIS_SOCKET, REDIS_PASSWORD, JWT_SECRET, KEY_PREFIX, RECORD_SCRIPT (a file).
local bit = require "bit"
local cjson = require "cjson.safe"
local ffi = require "ffi"
local lrucache = require "resty.lrucache"
local base64 = require "ngx.base64"
local redis = require "nginx.redis"

ffi.cdef [[
unsigned char *SHA256(const unsigned char *data, size_t n, unsigned char *digest);
const void *EVP_sha256(void);
unsigned char *HMAC(const void *md, const void *key, int key_n, const unsigned char *data, size_t n,
                    unsigned char *digest, unsigned int *digest_n);
int CRYPTO_memcmp(const void *a, const void *b, size_t n);
]]

local ngx, null = ngx, ngx.null
local floor, abs, concat, format = math.floor, math.abs, table.concat, string.format
local C = ffi.C

local REDIS = "unix:" .. os.getenv("REDIS_SOCKET")
local REDIS_PASSWORD = os.getenv("REDIS_PASSWORD")
local SECRET = os.getenv("JWT_SECRET")
local PREFIX = os.getenv("KEY_PREFIX")
local TREND_DAYS = 7
local COMPONENTS = { "completion", "quiz", "quality", "consistency" }
local DEFAULT_WEIGHTS = { completion = 0.4, quiz = 0.3, quality = 0.2, consistency = 0.1 }

local function file_text(path)
    local file = assert(io.open(path))
    local text = file:read("*a")
    file:close()
    return text
end

local RECORD = file_text(os.getenv("RECORD_SCRIPT"))
local RECORD_SHA = (ngx.sha1_bin(RECORD):gsub(".", function(c) return format("%02x", c:byte()) end))

local digest = ffi.new("unsigned char[32]")
local digest_n = ffi.new("unsigned int[1]")

-- --- Responses ---

local function refuse(status, code, message, details)
    ngx.status = status
    ngx.header["Content-Type"] = "application/json"
    ngx.print(cjson.encode({
        success = false, error = { code = code, message = message, details = details },
        correlation_id = ngx.var.id,
    }))
    return ngx.exit(ngx.OK)
end

local formatted_second, second_text = 0, ""
local function now_text(now)
    local second = floor(now)
    if second ~= formatted_second then
        formatted_second, second_text = second, os.date("!%Y-%m-%dT%H:%M:%S", second)
    end
    return format("%s.%03dZ", second_text, (now - second) * 1000)
end

local function quoted(text)
    return text and '"' .. text .. '"' or "null"
end

local function respond(student, result, state, now, average, trend)
    local score, level = state:match("^%d+ (%S+) (%S+)$")
    local var, header = ngx.var, ngx.header
    local random = var.request_id
    local parent = var.http_traceparent
    local trace = parent and ngx.re.match(parent, "^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$", "jo")
    trace = trace and trace[1] or random
    local body = concat {
        '{"success":true,"student_id":"', student, '","mastery_score":', score, ',"level":"', level,
        '","data":', result, ',"historical_average":', average and format("%.12g", average) or "null",
        ',"trend":', quoted(trend), ',"metadata":{"correlation_id":"', var.id, '","query_time":"',
        now_text(now), '","student_id":"', student, '"}}',
    }
    header["Content-Type"] = "application/json"
    header["Content-Length"] = #body
    header["Cache-Control"] = "no-store"
    header["X-Trace-ID"] = trace
    local traceparent = "00-" .. trace .. "-" .. random:sub(9, 24) .. "-02"
    header["traceparent"] = traceparent
    header["Server-Timing"] = "trace;desc=" .. traceparent
    ngx.print(body)
end

-- --- Authentication and access ---

local token_cache = lrucache.new(4096)

local function verified(token, now)
    local signed, header, payload, signature = token:match("^(([%w_-]+)%.([%w_-]+))%.([%w_-]+)$")
    if not signed then return nil end
    header = cjson.decode(base64.decode_base64url(header) or "")
    if type(header) ~= "table" or header.alg ~= "HS256" then return nil end
    signature = base64.decode_base64url(signature)
    if not signature or #signature ~= 32 then return nil end
    C.HMAC(C.EVP_sha256(), SECRET, #SECRET, signed, #signed, digest, digest_n)
    if C.CRYPTO_memcmp(digest, signature, 32) ~= 0 then return nil end
    local claims = cjson.decode(base64.decode_base64url(payload) or "")
    if type(claims) ~= "table" or type(claims.exp) ~= "number" or claims.exp <= now
        or type(claims.sub) ~= "string" or type(claims.role) ~= "string" then
        return nil
    end
    return claims
end

local function principal(now)
    local header = ngx.var.http_authorization
    local token = header and header:sub(1, 7) == "Bearer " and header:sub(8)
    if not token then return refuse(401, "AUTH_ERROR", "a bearer token is required") end
    local claims = token_cache:get(token)
    if not claims then
        claims = verified(token, now)
        if not claims then return refuse(401, "AUTH_ERROR", "the token is not valid") end
        token_cache:set(token, claims, math.min(60, claims.exp - now))
    end
    return claims
end

local function require_access(caller, student)
    if caller.role ~= "admin" and not (caller.role == "student" and caller.sub == student) then
        return refuse(403, "FORBIDDEN", "not your student")
    end
end

-- --- The request's body ---

local function body_of_request()
    if ngx.var.content_type ~= "application/json" then
        return refuse(415, "UNSUPPORTED_MEDIA_TYPE", "application/json is required")
    end
    ngx.req.read_body()
    local body = cjson.decode(ngx.req.get_body_data() or "")
    if type(body) ~= "table" then return refuse(400, "INVALID_JSON", "the body is not a JSON object") end
    return body
end

local function check_optional(errors, body, field, kind)
    if body[field] ~= nil and type(body[field]) ~= kind then
        errors[#errors + 1] = { field = field, message = "must be a " .. kind }
    end
end

local function check_student(errors, body)
    local student = body.student_id
    if type(student) ~= "string" or not ngx.re.find(student, "^[A-Za-z0-9_-][A-Za-z0-9._~@:|+=-]{0,127}$", "jo") then
        errors[#errors + 1] = { field = "student_id", message = "must be 1 to 128 of A-Z a-z 0-9 . _ ~ @ : | + = -, the first a letter, a digit, _ or -" }
    end
end

local function check_shares(errors, shares, field)
    for _, name in ipairs(COMPONENTS) do
        local x = type(shares) == "table" and shares[name]
        if type(x) ~= "number" or not (x >= 0 and x <= 1) then
            errors[#errors + 1] = { field = field .. "." .. name, message = "must be a number in [0,1]" }
        end
    end
end

local function refuse_errors(errors)
    if #errors > 0 then
        return refuse(400, "VALIDATION_ERROR", "the body is not valid", { errors = errors })
    end
end

-- --- The store ---

local function shard_of(student)
    C.SHA256(student, #student, digest)
    return PREFIX .. "{" .. bit.tohex(digest[0], 2) .. "}"
end

-- day_names[n]: the key suffixes of the last n days, oldest first, computed again on a new day.
local named_day, day_names = 0, {}
local function last_days(n, now)
    local today = floor(now / 86400)
    if today ~= named_day then
        named_day, day_names = today, {}
    end
    local names = day_names[n]
    if not names then
        names = {}
        for i = 1, n do
            names[i] = ":day:" .. os.date("!%Y%m%d", (today - n + i) * 86400)
        end
        day_names[n] = names
    end
    return names
end

local function store()
    local r = redis:new()
    r:set_timeout(1000)
    local ok = r:connect(REDIS)
    if ok and REDIS_PASSWORD ~= "" and r:get_reused_times() == 0 then ok = r:auth(REDIS_PASSWORD) end
    if not ok then return refuse(503, "SERVICE_UNAVAILABLE", "the store is unavailable") end
    return r
end

local function release(r)
    r:set_keepalive(60000, 64)
end

-- --- The model ---

local function rounded(x)
    return floor(x * 1e12 + 0.5) / 1e12
end

local function level_of(score)
    if score < 0.4 then return "novice" end
    if score < 0.6 then return "developing" end
    return score < 0.8 and "proficient" or "master"
end

local function shares_text(shares)
    return format('"completion":%.12g,"quiz":%.12g,"quality":%.12g,"consistency":%.12g',
        shares.completion, shares.quiz, shares.quality, shares.consistency)
end

-- Returns score, level, and the JSON texts of the result and the day that are stored.
local function mastery_of(student, components, weights, now)
    local breakdown, sum = {}, 0
    for _, name in ipairs(COMPONENTS) do
        breakdown[name] = rounded(components[name] * weights[name])
        sum = sum + components[name] * weights[name]
    end
    local score = rounded(math.min(1, sum))
    local level = level_of(score)
    local shares = shares_text(components)
    local result = format('{"student_id":"%s","mastery_score":%.12g,"level":"%s","components":{%s},'
        .. '"breakdown":{%s,"weighted_sum":%.12g,"weights":{%s}},'
        .. '"evidence":{"completion":5,"quiz":5,"quality":5,"consistency":5},'
        .. '"calculated_at":"%s","version":"1.0.0"}', student, score, level, shares,
        shares_text(breakdown), sum, shares_text(weights), now_text(now))
    local day = format('{"mastery_score":%.12g,"level":"%s","components":{%s},"sample_size":1}', score, level, shares)
    return score, level, result, day
end

local function scores_of(days, n)
    local scores, found = {}, 0
    for i = 1, n do
        if days[i] ~= null then
            found = found + 1
            scores[found] = cjson.decode(days[i]).mastery_score
        end
    end
    return scores
end

local function average_and_trend(scores)
    local n, sum = #scores, 0
    for i = 1, n do sum = sum + scores[i] end
    if n == 0 then return nil, nil end
    if n < 2 then return rounded(sum / n), nil end
    local change = scores[n] - scores[1]
    return rounded(sum / n), change > 0.02 and "improving" or change < -0.02 and "declining" or "stable"
end

-- --- Handlers ---

-- Reads the profile and the days of the window in one round trip.
local function read(r, key, window, now)
    local names, keys = last_days(window, now), {}
    for i = 1, window do
        keys[i] = key .. names[i]
    end
    r:init_pipeline(2)
    r:hmget(key, "m", "s")
    r:mget(unpack(keys))
    return r:commit_pipeline() or refuse(503, "SERVICE_UNAVAILABLE", "the store is unavailable")
end

local function query()
    local now = ngx.now()
    local caller = principal(now)
    local body, errors = body_of_request(), {}
    local student, window = body.student_id, body.days_history or TREND_DAYS
    check_student(errors, body)
    check_optional(errors, body, "include_components", "boolean")
    check_optional(errors, body, "include_history", "boolean")
    if type(window) ~= "number" or window ~= floor(window) or window < 1 or window > 90 then
        errors[#errors + 1] = { field = "days_history", message = "must be a whole number in [1,90]" }
    end
    refuse_errors(errors)
    require_access(caller, student)

    local r = store()
    local replies = read(r, shard_of(student) .. ":student:" .. student, window, now)
    release(r)
    local result, state = replies[1][1], replies[1][2]
    if result == null then return refuse(404, "NOT_FOUND", "no data for this student") end
    ngx.header["X-Cache"] = "HIT"
    return respond(student, result, state, now, average_and_trend(scores_of(replies[2], window)))
end

local function record(r, ...)
    local written, err = r:evalsha(RECORD_SHA, 3, ...)
    if not written and err and err:find("NOSCRIPT", 1, true) then
        written = r:eval(RECORD, 3, ...)
    end
    return written
end

local function journal_entry(caller, student, score, level, before, now)
    return format('{"kind":"calculated","student_id":"%s","actor":"%s","at":%d,"mastery_score":%.12g,'
        .. '"level":"%s","level_before":%s,"correlation_id":"%s"}', student, caller.sub, now * 1000, score,
        level, quoted(before and before:match("%S+$")), ngx.var.id)
end

local function calculate()
    local now = ngx.now()
    local caller = principal(now)
    local body, errors = body_of_request(), {}
    local student, components, weights = body.student_id, body.components, body.weights or DEFAULT_WEIGHTS
    check_student(errors, body)
    check_shares(errors, components, "components")
    check_shares(errors, weights, "weights")
    refuse_errors(errors)
    if abs(weights.completion + weights.quiz + weights.quality + weights.consistency - 1) > 0.001 then
        return refuse(400, "VALIDATION_ERROR", "weights must sum to 1")
    end
    require_access(caller, student)

    local shard = shard_of(student)
    local key = shard .. ":student:" .. student
    local score, level, result, day = mastery_of(student, components, weights, now)
    local r = store()
    for _ = 1, 10 do
        local replies = read(r, key, TREND_DAYS, now)
        local before = replies[1][2] ~= null and replies[1][2] or nil
        local revision = before and tonumber(before:match("^%d+")) + 1 or 1
        local state = format("%d %.12g %s", revision, score, level)
        local written = record(r, key, key .. last_days(1, now)[1], shard .. ":journal", before or "",
            result, state, day, journal_entry(caller, student, score, level, before, now))
        if written == 1 then
            release(r)
            local scores = scores_of(replies[2], TREND_DAYS - 1)
            scores[#scores + 1] = score
            return respond(student, result, state, now, average_and_trend(scores))
        end
    end
    return refuse(503, "SERVICE_UNAVAILABLE", "too many writes to this student")
end

return { query = query, calculate = calculate }
