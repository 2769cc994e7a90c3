-- SPDX-License-Identifier: GPL-3.0-or-later
-- Acquires or renews a shard's lease. DEL comes first because a script that has deleted may write
-- even if Redis is full (hazards R2); the journal can then still be processed, which frees memory.
-- KEYS[1]  lease
-- ARGV[1]  holder
-- ARGV[2]  duration (ms)
-- Returns  1 the lease is the holder's; 0 another holder has it
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if holder then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
