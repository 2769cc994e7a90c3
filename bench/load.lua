-- SPDX-License-Identifier: GPL-3.0-or-later
-- The load, for wrk: wrk -s load.lua URL -- query|calculate TOKEN STUDENTS
-- Every request is made before the clock starts; they go round the students in order.
local VARIANTS = 5 -- a student's next calculate says something else than the one before

local requests, last, count = {}, 0, 0

local function query(student)
    return string.format('{"student_id":"%s"}', student)
end

local function calculate(student, n)
    return string.format('{"student_id":"%s","components":{"completion":%.2f,"quiz":%.2f,'
        .. '"quality":%.2f,"consistency":%.2f}}', student, (50 + n % 47) / 100, (40 + n % 53) / 100,
        (30 + n % 61) / 100, (60 + n % 37) / 100)
end

local bodies = { query = query, calculate = calculate }

function init(args)
    local operation, token, students = args[1], args[2], tonumber(args[3])
    local headers = {
        ["Host"] = wrk.headers["Host"],
        ["Content-Type"] = "application/json",
        ["Authorization"] = "Bearer " .. token,
    }
    for n = 0, students * VARIANTS - 1 do
        local body = bodies[operation](string.format("bench-%d", n % students + 1), n * 7)
        count = count + 1
        requests[count] = wrk.format("POST", "/api/v1/mastery/" .. operation, headers, body)
    end
end

function request()
    last = last % count + 1
    return requests[last]
end

-- One line of JSON, times in microseconds.
function done(summary, latency)
    local e = summary.errors
    io.write(string.format('{"requests":%d,"duration":%d,"p50":%d,"p99":%d,"errors":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        e.connect + e.read + e.write + e.status + e.timeout))
end
