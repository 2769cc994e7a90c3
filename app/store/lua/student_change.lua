-- SPDX-License-Identifier: GPL-3.0-or-later
-- Writes a student's new state, if the stored one is still the one that the caller has read. The
-- tombstone matters only for a student without a state: erasing deletes the profile. The event's
-- mark is looked up first, so that a repeated event is found even if the state is outdated. The types
-- of profile and marks are known from reading them, and SET replaces any type; so the journal, the
-- only key that may have another type when writing begins, is written first: all or nothing.
-- KEYS[1]  profile
-- KEYS[2]  tombstone
-- KEYS[3]  journal
-- KEYS[4]  marks of counted events
-- KEYS[5...]  snapshots, one per day
-- ARGV[1]  expected state; '': none
-- ARGV[2]  new state
-- ARGV[3]  the MasteryResult as JSON
-- ARGV[4]  journal entry
-- ARGV[5]  id of the event; '': none
-- ARGV[6]  mark of the event
-- ARGV[7...]  per snapshot: state, expiry (epoch seconds); then, only for an event that names topics:
--             its topics (lib/topics.lua), now, the latest time that may be stored (epoch ms)
-- Returns  1 written; the stored state, if it is not as expected; a list with the mark of an event
--          that was counted before; 0 the student is erased; -1 consent to data processing is
--          withdrawn
-- include lib/topics.lua
local first = 7 + 2 * (#KEYS - 4) -- after the snapshots
local added, fields = ARGV[first], {'m', ARGV[3], 's', ARGV[2]}
local profile = redis.call('HMGET', KEYS[1], unpack(added and {'s', 'c', 't'} or {'s', 'c'}))
local state, withdrawn, has_event = profile[1] or '', profile[2], ARGV[5] ~= ''
if withdrawn and withdrawn:find('p', 1, true) then return -1 end
local mark = has_event and redis.call('HGET', KEYS[4], ARGV[5])
if mark then return {mark} end
if state ~= ARGV[1] then return state end
if state == '' and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
if added then
  fields[5] = 't'
  fields[6] = topics_merge(profile[3], added, tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2]))
end
redis.call('XADD', KEYS[3], '*', 'e', ARGV[4])
if has_event then redis.call('HSET', KEYS[4], ARGV[5], ARGV[6]) end
redis.call('HSET', KEYS[1], unpack(fields))
for i = 1, #KEYS - 4 do
  redis.call('SET', KEYS[4 + i], ARGV[5 + 2 * i], 'EXAT', ARGV[6 + 2 * i])
end
return 1
