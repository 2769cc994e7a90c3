-- SPDX-License-Identifier: GPL-3.0-or-later
-- The load of bench/run and bench/worker, for wrk:
-- wrk -s load.lua URL -- query|calculate|ingest TOKEN STUDENTS
-- All requests are built before wrk starts its clock, and cycle through the students. Only events need
-- a new id each time: request() writes it over a placeholder of the same length.
local BODIES = 1000 -- at least; and at least two for each student, so that successive calculates change the state

local requests, last, count = {}, 0, 0
local id_position, id_prefix, sent = nil, nil, 0

local function query(student)
    return string.format('{"student_id":"%s"}', student)
end

local function calculate(student, n)
    return string.format('{"student_id":"%s","components":{"completion":%.2f,"quiz":%.2f,'
        .. '"quality":%.2f,"consistency":%.2f}}', student, (50 + n % 47) / 100, (40 + n % 53) / 100,
        (30 + n % 61) / 100, (60 + n % 37) / 100)
end

local function ingest(student, n)
    return string.format('{"event_id":"%016d","event_type":"quiz.completed","student_id":"%s","timestamp":"%s",'
        .. '"data":{"quiz_id":"bench","score":%.2f,"questions_total":10,"questions_correct":%d,'
        .. '"time_spent_seconds":300}}', 0, student, os.date("!%Y-%m-%dT%H:%M:%SZ"), n % 11 / 10, n % 11)
end

local bodies = { query = query, calculate = calculate, ingest = ingest }

function init(args)
    local operation, token, students = args[1], args[2], tonumber(args[3])
    local head = table.concat({
        "POST /api/v1/mastery/" .. operation .. " HTTP/1.1", "Host: " .. wrk.headers["Host"],
        "Content-Type: application/json", "Authorization: Bearer " .. token, "Content-Length: ",
    }, "\r\n")
    for n = 0, students * math.max(2, BODIES / students) - 1 do
        local body = bodies[operation](string.format("bench-%d", n % students + 1), n * 7)
        count = count + 1
        requests[count] = head .. #body .. "\r\n\r\n" .. body
    end
    if operation == "ingest" then
        id_position = requests[1]:find("0000000000000000", 1, true)
        math.randomseed(os.time() * 1000 + os.clock() * 1e6 % 1000)
        id_prefix = string.format("%07x", math.random(0, 0xfffffff))
    end
end

function request()
    last = last % count + 1
    if not id_position then
        return requests[last]
    end
    sent = sent + 1
    local text = requests[last]
    return text:sub(1, id_position - 1) .. id_prefix .. string.format("%09d", sent) .. text:sub(id_position + 16)
end

dofile(debug.getinfo(1, "S").source:sub(2):match(".*/") .. "summary.lua")
