-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes a published event from a shard's outbox.
-- KEYS[1]  lease
-- KEYS[2]  outbox
-- ARGV[1]  holder of the lease
-- ARGV[2]  id of the entry
-- Returns  1 removed; 0 it was not there; -1 the lease is not the holder's
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
return redis.call('XDEL', KEYS[2], ARGV[2])
