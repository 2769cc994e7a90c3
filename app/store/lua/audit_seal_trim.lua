-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: lease, audit, seals. ARGV: holder, id of the first record that stays, of the first seal.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
redis.call('XTRIM', KEYS[3], 'MINID', ARGV[3])
return redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
