-- SPDX-License-Identifier: GPL-3.0-or-later
-- Replaces the text of a dead letter, if it still exists: an erasure may have removed it.
-- KEYS[1]  texts
-- ARGV[1]  id
-- ARGV[2]  text
-- Returns  1 replaced; 0 there is no such letter
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
