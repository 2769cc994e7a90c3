-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: profile, tombstone, journal, marks, then a key a day. ARGV: expected state, new state,
-- result, journal entry, event id (empty: none) and its mark, then a snapshot and its expiry (epoch
-- seconds) a day. Answers 1 when made, a list of the mark when the event has been counted before, 0
-- when the student is erased, -1 when data processing has been objected to, else the state that is
-- there now. A student that exists is not erased (erasing deletes the profile), so the tombstone is
-- looked at only for one that does not. The mark comes first, so that of many repeats of one event
-- none has to wait for its turn with the state.
local p = redis.call('HMGET', KEYS[1], 's', 'c')
local s, event = p[1] or '', ARGV[5] ~= ''
if p[2] and p[2]:find('p', 1, true) then return -1 end
local mark = event and redis.call('HGET', KEYS[4], ARGV[5])
if mark then return {mark} end
if s ~= ARGV[1] then return s end
if s == '' and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if event then redis.call('HSET', KEYS[4], ARGV[5], ARGV[6]) end
redis.call('HSET', KEYS[1], 'm', ARGV[3], 's', ARGV[2])
for i = 1, #KEYS - 4 do
  redis.call('SET', KEYS[4 + i], ARGV[5 + 2 * i], 'EXAT', ARGV[6 + 2 * i])
end
redis.call('XADD', KEYS[3], '*', 'e', ARGV[4])
return 1
