-- SPDX-License-Identifier: GPL-3.0-or-later
-- Decides when the worker looks at a student again, after it has removed what was too old: when the
-- oldest of what is left will be. The latest closed day that is too old stays until there is a later
-- one that is. A mark stays two days longer than its event, so its day may be past: then it is
-- tomorrow. So it is if a key of the student has another type, so that the list goes on. ZREM before
-- ZADD needs no memory, and the script may write then even if Redis is full (hazards R2).
-- KEYS[1]  list
-- KEYS[2]  marks of counted events
-- KEYS[3]  closed days
-- KEYS[4]  events
-- KEYS[5]  predictions
-- KEYS[6]  marks in the form of 0.1.0; absent: there are none
-- ARGV[1]  name of the student in the list
-- ARGV[2]  today (days since the epoch)
-- Returns  the day; 0: there is nothing to remove, so the student is no longer in the list
-- include lib/days.lua
-- include lib/marks.lua
-- include lib/retention_day.lua
local oldest, today = nil, tonumber(ARGV[2])
local function found(day)
  if day and (not oldest or day < oldest) then oldest = day end
end
local function look()
  for i, bucket in ipairs(redis.call('HGETALL', KEYS[2])) do
    if i % 2 == 0 then marks_each(bucket, function(_, day) found(day) end) end
  end
  local days, at, last, before = redis.call('GET', KEYS[3]) or '', 1, nil, nil
  while at <= #days do
    before = last
    last, at = days_at(days, at)
  end
  found(before)
  for i = 4, 5 do
    local entry = redis.call('XRANGE', KEYS[i], '-', '+', 'COUNT', 1)[1]
    if entry then found(retention_day(entry[1])) end
  end
  for _, mark in ipairs(KEYS[6] and redis.call('HVALS', KEYS[6]) or {}) do
    found(tonumber(mark:match('^%d+')))
  end
end
local readable = pcall(look)
redis.call('ZREM', KEYS[1], ARGV[1])
if readable and not oldest then return 0 end
local due = today + 1
if readable then due = math.max(due, oldest + RETENTION_DAYS) end
redis.call('ZADD', KEYS[1], due, ARGV[1])
return due
