-- SPDX-License-Identifier: GPL-3.0-or-later
-- The load of bench/insight, for wrk: wrk -s insight.lua URL -- OPERATION TOKEN STUDENTS
-- All requests are built before wrk starts its clock, and cycle through the students. "next-week cold"
-- has a different request for each timeframe, because the engine caches the prediction of each.
local TIMEFRAMES = 30 -- as in bench/insight
local CLASS = 30 -- students of a cohort; as in bench/insight

local requests, last, count = {}, 0, 0

local function cohort(first, n, students)
    local ids = {}
    for i = 0, n - 1 do
        ids[#ids + 1] = string.format('"bench-%d"', (first + i) % students + 1)
    end
    return table.concat(ids, ",")
end

-- operation -> path, number of different bodies per student, function that builds a body
local operations = {
    query = { "mastery/query", 1, function(i)
        return string.format('{"student_id":"bench-%d"}', i + 1)
    end },
    calculate = { "mastery/calculate", 1, function(i)
        return string.format('{"student_id":"bench-%d","components":{"completion":%.2f,"quiz":0.5,'
            .. '"quality":0.5,"consistency":0.5}}', i + 1, i % 100 / 100)
    end },
    ["next-week cached"] = { "predictions/next-week", 1, function(i)
        return string.format('{"student_id":"bench-%d"}', i + 1)
    end },
    ["next-week cold"] = { "predictions/next-week", TIMEFRAMES, function(i, n)
        return string.format('{"student_id":"bench-%d","timeframe_days":%d}', i + 1, n + 1)
    end },
    adaptive = { "recommendations/adaptive", 1, function(i)
        return string.format('{"student_id":"bench-%d"}', i + 1)
    end },
    cohorts = { "analytics/compare/cohorts", 1, function(i, _, students)
        return string.format('{"cohort_a_student_ids":[%s],"cohort_b_student_ids":[%s]}',
            cohort(i, 100, students), cohort(i + 100, 100, students))
    end },
    -- a GET: the function builds the end of the path
    overview = { "cohorts/class-", 1, function(i, _, students)
        return i % math.floor(students / CLASS) .. "/overview"
    end, true },
}

function init(args)
    local operation, students = operations[args[1]], tonumber(args[3])
    local headers = {
        ["Host"] = wrk.headers["Host"],
        ["Content-Type"] = "application/json",
        ["Authorization"] = "Bearer " .. args[2],
    }
    for n = 0, operation[2] - 1 do
        for i = 0, students - 1 do
            count = count + 1
            local path, text = "/api/v1/" .. operation[1], operation[3](i, n, students)
            requests[count] = operation[4] and wrk.format("GET", path .. text, headers)
                or wrk.format("POST", path, headers, text)
        end
    end
end

function request()
    last = last % count + 1
    return requests[last]
end

dofile(debug.getinfo(1, "S").source:sub(2):match(".*/") .. "summary.lua")
