-- SPDX-License-Identifier: GPL-3.0-or-later
-- Creates a batch with its students and what is stated about each of them (the item).
-- KEYS[1]  state
-- KEYS[2]  students
-- KEYS[3]  items
-- KEYS[4]  results (not used: a new batch has none)
-- ARGV[1]  expiry (epoch seconds)
-- ARGV[2]  number of arguments per student: 1: the id; 2: the id and the item
-- ARGV[3...14]  names and values of six fields
-- ARGV[15...]  the students
-- Returns  1 created; 0 a batch with that id exists
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local students, items, step = {}, {}, tonumber(ARGV[2])
for i = 15, #ARGV, step do
  students[#students + 1] = #students / 2
  students[#students + 1] = ARGV[i]
  if step == 2 then
    items[#items + 1] = ARGV[i]
    items[#items + 1] = ARGV[i + 1]
  end
end
-- Lua limits how many values unpack may return.
local function call_in_pieces(command, key, list)
  for i = 1, #list, 1000 do
    redis.call(command, key, unpack(list, i, math.min(i + 999, #list)))
  end
end
call_in_pieces('ZADD', KEYS[2], students)
call_in_pieces('HSET', KEYS[3], items)
redis.call('HSET', KEYS[1], 'status', 'pending', 'total', #students / 2, 'processed', 0,
           'failed', 0, unpack(ARGV, 3, 14))
for i = 1, 3 do redis.call('EXPIREAT', KEYS[i], ARGV[1]) end
return 1
