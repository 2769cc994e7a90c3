-- SPDX-License-Identifier: GPL-3.0-or-later
-- Moves days of 0.1.0 to the closed days. A key that has changed since it was read is left alone; a
-- day that is among the closed ones already is the later one.
-- KEYS[1]  closed days
-- KEYS[2...]  keys of single days
-- ARGV[1]  the oldest closed day to keep
-- ARGV[2]  expiry of the closed days (epoch seconds), unless theirs is later
-- ARGV[3...]  per key of a single day: its value, and its record (lib/days.lua; '': only deleted)
-- Returns  how many keys were deleted
-- include lib/days.lua
local days, moved = redis.call('GET', KEYS[1]) or '', 0
local expiry = math.max(tonumber(ARGV[2]), redis.call('EXPIRETIME', KEYS[1]))
for i = 2, #KEYS do
  local value, record = ARGV[2 * i - 1], ARGV[2 * i]
  if redis.call('GET', KEYS[i]) == value then
    if record ~= '' then days = days_put(days, record, true) end
    redis.call('DEL', KEYS[i])
    moved = moved + 1
  end
end
if days ~= '' then
  redis.call('SET', KEYS[1], days_trim(days, tonumber(ARGV[1])), 'EXAT', expiry)
end
return moved
