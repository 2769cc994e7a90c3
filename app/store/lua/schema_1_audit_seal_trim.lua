-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes audit records and seals that are past their retention.
-- KEYS[1]  lease
-- KEYS[2]  audit log
-- KEYS[3]  seals
-- ARGV[1]  holder of the lease
-- ARGV[2]  id of the oldest record to keep
-- ARGV[3]  id of the oldest seal to keep
-- Returns  how many records were removed; -1 the lease is not the holder's
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
redis.call('XTRIM', KEYS[3], 'MINID', ARGV[3])
return redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
