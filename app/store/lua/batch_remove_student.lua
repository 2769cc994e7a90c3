-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes a student from a batch. If all remaining students have results then, the next job of one of
-- the batch's chunks ends the batch.
-- KEYS[1]  state
-- KEYS[2]  students
-- KEYS[3]  items
-- KEYS[4]  results
-- ARGV[1]  student
-- Returns  1 removed; 0 the student was not in the batch
if redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then return 0 end
redis.call('HDEL', KEYS[3], ARGV[1])
local result = redis.call('HGET', KEYS[4], ARGV[1])
if result and result:sub(1, 1) == '-' then
  redis.call('HINCRBY', KEYS[1], 'failed', -1)
end
redis.call('HDEL', KEYS[4], ARGV[1])
redis.call('HSET', KEYS[1], 'total', redis.call('ZCARD', KEYS[2]),
           'processed', redis.call('HLEN', KEYS[4]))
return 1
