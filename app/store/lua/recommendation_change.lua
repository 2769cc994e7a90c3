-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: the day's text, the student's own, the token's index, tombstone, profile, the path if it is
-- to be kept. ARGV: the two texts expected, the two new ones, their expiries (epoch seconds), the
-- student, the path. Answers 1 when kept, 0 when the student is erased, -1 when consent to data
-- processing is withdrawn, else the two texts that are there now.
local now = redis.call('MGET', KEYS[1], KEYS[2])
now = {now[1] or '', now[2] or ''}
if now[1] ~= ARGV[1] or now[2] ~= ARGV[2] then return now end
if redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
local c = redis.call('HGET', KEYS[5], 'c')
if c and c:find('p', 1, true) then return -1 end
if ARGV[3] ~= now[1] then
  redis.call('SET', KEYS[1], ARGV[3], 'EXAT', ARGV[5])
end
redis.call('SET', KEYS[2], ARGV[4], 'EXAT', ARGV[6])
redis.call('SET', KEYS[3], ARGV[7], 'EXAT', ARGV[6])
if KEYS[6] then redis.call('SET', KEYS[6], ARGV[8], 'EXAT', ARGV[6]) end
return 1
