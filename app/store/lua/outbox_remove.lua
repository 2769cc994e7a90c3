-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: lease, outbox. ARGV: holder, id.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
return redis.call('XDEL', KEYS[2], ARGV[2])
