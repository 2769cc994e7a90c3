-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes old entries of a student's stream, one page per run. An event may have come long after its
-- day: the day counts as well, by the timestamp of the event, or by the header of a packed one
-- (app/store/event_pack.h).
-- KEYS[1]  events or predictions of a student
-- ARGV[1]  last entry that an earlier run has looked at; '0': none
-- ARGV[2]  how many entries to look at
-- ARGV[3]  the oldest arrival to keep (epoch ms)
-- ARGV[4]  the oldest day to keep (YYYY-MM-DD)
-- ARGV[5]  the same day (days since the epoch)
-- Returns  the last entry of the page; '0': the stream has no more
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[3])
local function is_old(field, text)
  if field == 'z' then return struct.unpack('<I2', text, 2) < tonumber(ARGV[5]) end
  local day = text:match('"timestamp":"(%d+%-%d+%-%d+)')
  return day and day < ARGV[4]
end
local page = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
for _, entry in ipairs(page) do
  if is_old(entry[2][1], entry[2][2]) then redis.call('XDEL', KEYS[1], entry[1]) end
end
return #page == tonumber(ARGV[2]) and page[#page][1] or '0'
