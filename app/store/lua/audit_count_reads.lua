-- SPDX-License-Identifier: GPL-3.0-or-later
-- By far the most frequent of all: as few texts as possible. KEYS: reads, then as above. ARGV: a
-- seed, then for each item: the place of its student's keys (0: none; below 0: asked for in vain),
-- the count, the first request's id, and the field in the hash but for whom.
-- include lib/audit_record.lua
for i = 2, #ARGV, 4 do
  local place, whom = tonumber(ARGV[i]), ''
  if place ~= 0 then
    whom = audit_whom(math.abs(place), ARGV[1], place < 0 and 'x' or 'r')
  end
  local field, n, first = whom .. '\n' .. ARGV[i + 3], ARGV[i + 1], ARGV[i + 2]
  local kept = redis.call('HGET', KEYS[1], field)
  if kept then
    local before, id = string.match(kept, '^(%d+) (.*)$')
    n, first = n + (tonumber(before) or 0), id or first
  end
  redis.call('HSET', KEYS[1], field, n .. ' ' .. first)
end
return 1
