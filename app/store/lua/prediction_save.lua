-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: profile, predictions, last ones. ARGV: the oldest time kept (epoch ms), how long the stream
-- and the last ones live (s), name and text of the last one, then the fields of the record.
-- Answers 1, or 0 for a student who is not there or who has withdrawn consent: either may have come
-- between reading and this.
local p = redis.call('HMGET', KEYS[1], 's', 'c')
if not p[1] or (p[2] and p[2]:find('[pa]')) then return 0 end
redis.call('XADD', KEYS[2], 'MINID', '~', ARGV[1], '*', unpack(ARGV, 6))
redis.call('EXPIRE', KEYS[2], ARGV[2])
redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
redis.call('EXPIRE', KEYS[3], ARGV[3])
return 1
