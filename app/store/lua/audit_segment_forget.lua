-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes the oldest segments, which are in the archive, up to one that stays.
-- KEYS[1]  lease
-- KEYS[2]  segments
-- ARGV[1]  holder of the lease
-- ARGV[2]  id of the oldest segment that stays
-- Returns  how many were removed; 0 there is no segment with this id; -1 the lease is not the
--          holder's
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
if not redis.call('XRANGE', KEYS[2], ARGV[2], ARGV[2])[1] then return 0 end
return redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
