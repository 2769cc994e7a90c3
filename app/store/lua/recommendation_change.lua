-- SPDX-License-Identifier: GPL-3.0-or-later
-- Writes a day's recommendations and the student's feedback history, if both are still as the
-- caller has read them.
-- KEYS[1]  the day's recommendations
-- KEYS[2]  the student's token and feedback history
-- KEYS[3]  the student of the token
-- KEYS[4]  tombstone
-- KEYS[5]  profile
-- KEYS[6]  learning path; absent: leave it unchanged
-- ARGV[1]  expected text of KEYS[1]
-- ARGV[2]  expected text of KEYS[2]
-- ARGV[3]  new text of KEYS[1]
-- ARGV[4]  new text of KEYS[2]
-- ARGV[5]  expiry of KEYS[1] (epoch seconds)
-- ARGV[6]  expiry of the other keys (epoch seconds)
-- ARGV[7]  student
-- ARGV[8]  learning path
-- Returns  1 written; the two texts that are stored, if one is not as expected; 0 the student is
--          erased; -1 consent to data processing is withdrawn
local stored = redis.call('MGET', KEYS[1], KEYS[2])
stored = {stored[1] or '', stored[2] or ''}
if stored[1] ~= ARGV[1] or stored[2] ~= ARGV[2] then return stored end
if redis.call('EXISTS', KEYS[4]) == 1 then return 0 end
local withdrawn = redis.call('HGET', KEYS[5], 'c')
if withdrawn and withdrawn:find('p', 1, true) then return -1 end
if ARGV[3] ~= stored[1] then
  redis.call('SET', KEYS[1], ARGV[3], 'EXAT', ARGV[5])
end
redis.call('SET', KEYS[2], ARGV[4], 'EXAT', ARGV[6])
redis.call('SET', KEYS[3], ARGV[7], 'EXAT', ARGV[6])
if KEYS[6] then redis.call('SET', KEYS[6], ARGV[8], 'EXAT', ARGV[6]) end
return 1
