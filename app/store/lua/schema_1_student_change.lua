-- SPDX-License-Identifier: GPL-3.0-or-later
-- student_change in the forms of 0.1.0, for a store with the schema number 1. To be deleted with the
-- release after the one that brings the number 3.
-- Writes a student's new state, if the stored one is still the one that the caller has read. The
-- tombstone matters only for a student without a state: erasing deletes the profile. The events'
-- marks are looked up first, so that a repeated event is found even if the state is outdated. The types
-- of profile and marks are known from reading them, and SET replaces any type; so the journal, the
-- only key that may have another type when writing begins, is written first: all or nothing.
-- KEYS[1]  profile
-- KEYS[2]  tombstone
-- KEYS[3]  journal
-- KEYS[4]  marks of counted events
-- KEYS[5]  fence of the shard: it exists from the beginning of a migration
-- KEYS[6...]  snapshots, one per day
-- ARGV[1]  expected state; '': none
-- ARGV[2]  new state
-- ARGV[3]  the MasteryResult as JSON
-- ARGV[4]  number of entries, one for each request that the change serves
-- ARGV[5]  now; '': no entry names topics
-- ARGV[6]  the latest time that may be stored with topics (epoch ms)
-- ARGV[7...]  per entry: journal entry, id of the event ('': none), mark of the event, its topics
--             (lib/topics.lua; '': none); then per snapshot: state, expiry (epoch seconds)
-- Returns  {2, stored state} if there is a fence, as if another state were expected; 1 written; the
--          stored state, if it is not as expected; a list with the mark, or nil, of each entry, if
--          the event of one was counted before; 0 the student is erased; -1 consent to data
--          processing is withdrawn
-- include lib/topics.lua
if redis.call('EXISTS', KEYS[5]) == 1 then
  return {2, redis.call('HGET', KEYS[1], 's') or ''}
end
local first = 7 + 4 * ARGV[4] -- of the snapshots
local has_topics, fields = ARGV[5] ~= '', {'m', ARGV[3], 's', ARGV[2]}
local profile = redis.call('HMGET', KEYS[1], unpack(has_topics and {'s', 'c', 't'} or {'s', 'c'}))
local state, withdrawn, topics = profile[1] or '', profile[2], profile[3]
if withdrawn and withdrawn:find('p', 1, true) then return -1 end
local ids, marks = {}, {}
for i = 7, first - 1, 4 do
  ids[#ids + 1] = ARGV[i + 1]
  if ARGV[i + 1] ~= '' then
    marks[#marks + 1] = ARGV[i + 1]
    marks[#marks + 1] = ARGV[i + 2]
  end
end
if marks[1] then
  local known = redis.call('HMGET', KEYS[4], unpack(ids))
  for i = 1, #ids do
    if known[i] then return known end
  end
end
if state ~= ARGV[1] then return state end
if state == '' and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
for i = 7, first - 1, 4 do
  if ARGV[i + 3] ~= '' then
    topics = topics_merge(topics, ARGV[i + 3], tonumber(ARGV[5]), tonumber(ARGV[6]))
    fields[5], fields[6] = 't', topics
  end
end
for i = 7, first - 1, 4 do redis.call('XADD', KEYS[3], '*', 'e', ARGV[i]) end
if marks[1] then redis.call('HSET', KEYS[4], unpack(marks)) end
redis.call('HSET', KEYS[1], unpack(fields))
for i = 0, #KEYS - 6 do
  redis.call('SET', KEYS[6 + i], ARGV[first + 2 * i], 'EXAT', ARGV[first + 1 + 2 * i])
end
return 1
