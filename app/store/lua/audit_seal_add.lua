-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: lease, seals. ARGV: holder, the head that must be the latest, then fields and values.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local latest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
local head = latest and latest[2][#latest[2]] or ''
if head ~= ARGV[2] then return 0 end
redis.call('XADD', KEYS[2], '*', unpack(ARGV, 3))
return 1
