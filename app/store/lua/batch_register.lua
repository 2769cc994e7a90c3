-- SPDX-License-Identifier: GPL-3.0-or-later
-- Adds a batch to a student's index, so that an erasure finds it. Batches that have expired are
-- removed, or the index would grow without limit.
-- KEYS[1]  the student's index: ids of batches by their expiry (epoch ms)
-- KEYS[2]  tombstone
-- ARGV[1]  batch
-- ARGV[2]  expiry of the batch (epoch ms)
-- Returns  1 added; 0 the student is erased
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local time = redis.call('TIME')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', time[1] * 1000)
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('PEXPIREAT', KEYS[1], ARGV[2], 'NX')
redis.call('PEXPIREAT', KEYS[1], ARGV[2], 'GT')
return 1
