-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: job, students, items, results. ARGV: student. Whether it has ended thereby is seen by the
-- next job of a part.
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
