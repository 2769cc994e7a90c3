-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: the lease. ARGV: holder, ms. A script that has deleted something may write even when Redis
-- is full (hazards R2): what is in the journal can then still go.
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if holder then return 0 end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
