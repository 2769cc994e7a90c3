-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes a worker's name from the consumer group of each priority where it has no jobs.
-- KEYS[1]  high
-- KEYS[2]  normal
-- KEYS[3]  low
-- ARGV[1]  consumer group
-- ARGV[2]  worker
-- Returns  1
for level = 1, 3 do
  local pending = redis.pcall('XPENDING', KEYS[level], ARGV[1], '-', '+', 1, ARGV[2])
  if not pending.err and not pending[1] then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[level], ARGV[1], ARGV[2])
  end
end
return 1
