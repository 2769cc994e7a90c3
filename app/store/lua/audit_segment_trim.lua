-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes the segments that are past their retention, but never the latest, upon which the next is
-- built.
-- KEYS[1]  lease
-- KEYS[2]  segments
-- ARGV[1]  holder of the lease
-- ARGV[2]  time (epoch ms): a segment is removed if its last record is older
-- Returns  how many segments were removed; -1 the lease is not the holder's
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local latest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if not latest then return 0 end
local time = latest[1]:match('^%d+')
return redis.call('XTRIM', KEYS[2], 'MINID', tonumber(time) < tonumber(ARGV[2]) and time or ARGV[2])
