-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes marks of events that are too old to be repeated, one page per run.
-- KEYS[1]  marks of counted events: 'DAY TEXT' by event id
-- ARGV[1]  cursor of HSCAN
-- ARGV[2]  about how many marks to look at
-- ARGV[3]  the oldest day to keep (days since the epoch)
-- Returns  the cursor for the next page; '0': the scan is complete
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
for i = 1, #page[2], 2 do
  if (tonumber(page[2][i + 1]:match('^%d+')) or 0) < tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], page[2][i])
  end
end
return page[1]
