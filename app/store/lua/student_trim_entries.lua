-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes old entries of a student's stream, one page per run. An event may have come long after its
-- day: the day counts as well, by the timestamp of the event.
-- KEYS[1]  events or predictions of a student
-- ARGV[1]  last entry that an earlier run has looked at; '0': none
-- ARGV[2]  how many entries to look at
-- ARGV[3]  the oldest arrival to keep (epoch ms)
-- ARGV[4]  the oldest day to keep (YYYY-MM-DD)
-- Returns  the last entry of the page; '0': the stream has no more
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[3])
local page = redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+', 'COUNT', ARGV[2])
for _, entry in ipairs(page) do
  local day = entry[2][2]:match('"timestamp":"(%d+%-%d+%-%d+)')
  if day and day < ARGV[4] then redis.call('XDEL', KEYS[1], entry[1]) end
end
return #page == tonumber(ARGV[2]) and page[#page][1] or '0'
