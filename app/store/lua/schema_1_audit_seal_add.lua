-- SPDX-License-Identifier: GPL-3.0-or-later
-- Appends a seal, unless another one was appended since the sealer read the latest head.
-- KEYS[1]  lease
-- KEYS[2]  seals
-- ARGV[1]  holder of the lease
-- ARGV[2]  the head that the latest seal must have; '': there must be no seal
-- ARGV[3...]  names and values of the new seal's fields, the head last
-- Returns  1 added; 0 the latest head is another; -1 the lease is not the holder's
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local latest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
local head = latest and latest[2][#latest[2]] or ''
if head ~= ARGV[2] then return 0 end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 3))
return 1
