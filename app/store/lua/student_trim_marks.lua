-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: marks. ARGV: cursor, how many to look at, the oldest day kept. Removes older ones; answers
-- the cursor to go on with.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
for i = 1, #page[2], 2 do
  if (tonumber(page[2][i + 1]:match('^%d+')) or 0) < tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], page[2][i])
  end
end
return page[1]
