-- SPDX-License-Identifier: GPL-3.0-or-later
-- Acquires or renews a lease. DEL comes first because a script that has deleted may write even if
-- Redis is full (hazards R2); the journal can then still be processed, which frees memory. The key
-- lives half a second longer than the holder may write, for clocks of cluster nodes that differ.
-- KEYS[1]  lease
-- ARGV[1]  holder
-- ARGV[2]  duration (ms)
-- Returns  until when the holder may write (epoch ms); if another holder has the lease, minus the
--          time after which it ends (ms)
-- include lib/now.lua
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return math.min(-redis.call('PTTL', KEYS[1]), -1) end
if holder then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
else
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return now_ms() + ARGV[2] - 500
