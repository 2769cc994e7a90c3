-- SPDX-License-Identifier: GPL-3.0-or-later
-- The load of bench/xapi, for wrk: wrk -s xapi.lua URL -- OPERATION TOKEN STUDENTS
-- Each statement is a new one: its id has the seed of the run and a counter. Only ids and students are
-- filled in while wrk runs.
local LIST = 50 -- as in bench/xapi

-- operation -> statements of a request, different students among them
local operations = { single = { 1, 1 }, list = { LIST, LIST }, shared5 = { LIST, 5 }, shared1 = { LIST, 1 } }

local n, different, students, headers, stamp, seed
local count, first = 0, 0

local function statement(i)
    count = count + 1
    return string.format('{"id":"%s-8000-%012x","actor":{"account":{"homePage":"https://lms.example","name":"bench-%d"}},'
        .. '"verb":{"id":"http://adlnet.gov/expapi/verbs/answered"},"object":{"id":"https://lms.example/q/%d",'
        .. '"definition":{"type":"http://adlnet.gov/expapi/activities/cmi.interaction"}},'
        .. '"result":{"success":true,"duration":"PT20S"},"timestamp":"%s"}',
        seed, count, (first + i % different) % students + 1, i, stamp)
end

function init(args)
    n, different = operations[args[1]][1], operations[args[1]][2]
    students = tonumber(args[3])
    math.randomseed(tonumber(args[4]))
    seed = string.format("%08x-%04x-4%03x", math.random(0, 0x7fffffff), math.random(0, 0xffff), math.random(0, 0xfff))
    stamp = os.date("!%Y-%m-%dT%H:%M:%SZ")
    headers = {
        ["Host"] = wrk.headers["Host"],
        ["Content-Type"] = "application/json",
        ["Authorization"] = "Bearer " .. args[2],
        ["X-Experience-API-Version"] = "1.0.3",
    }
end

function request()
    local list = {}
    for i = 0, n - 1 do
        list[#list + 1] = statement(i)
    end
    first = first + different
    return wrk.format("POST", "/api/v1/xapi/statements", headers,
        n > 1 and "[" .. table.concat(list, ",") .. "]" or list[1])
end

dofile(debug.getinfo(1, "S").source:sub(2):match(".*/") .. "summary.lua")
