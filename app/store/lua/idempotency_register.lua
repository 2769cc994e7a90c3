-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: the student's list, tombstone. ARGV: the record's key, how long it may be there (ms). Names
-- of records that have expired leave the list, or it would grow for ever.
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ('%.0f'):format(now))
redis.call('ZADD', KEYS[1], ('%.0f'):format(now + ARGV[2]), ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
