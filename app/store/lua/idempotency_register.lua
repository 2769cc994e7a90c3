-- SPDX-License-Identifier: GPL-3.0-or-later
-- Lists an idempotency record about a student, so that an erasure finds it. Names of expired
-- records are removed, or the list would grow without limit.
-- KEYS[1]  the student's list: names of records by the time they expire (ms)
-- KEYS[2]  tombstone
-- ARGV[1]  key of the record
-- ARGV[2]  how long the record may exist (ms)
-- Returns  1 listed; 0 the student is erased
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ('%.0f'):format(now))
redis.call('ZADD', KEYS[1], ('%.0f'):format(now + ARGV[2]), ARGV[1])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
