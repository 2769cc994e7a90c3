-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes fields from the counts of the open segment that are no counts.
-- KEYS[1]  lease
-- KEYS[2]  counts of the open segment
-- ARGV[1]  holder of the lease
-- ARGV[2...]  for each its field and the value as the caller has read it
-- Returns  how many were removed; -1 the lease is not the holder's
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local removed = 0
for i = 2, #ARGV, 2 do
  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then
    removed = removed + redis.call('HDEL', KEYS[2], ARGV[i])
  end
end
return removed
