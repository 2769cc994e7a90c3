-- SPDX-License-Identifier: GPL-3.0-or-later
-- Writes a student's new state, if the stored one is still the one that the caller has read. The
-- tombstone matters only for a student without a state: erasing deletes the profile. The events'
-- marks are looked up first, so that a repeated event is found even if the state is outdated. The types
-- of profile, marks and days are known from reading them; so the journal, the only key that may have
-- another type when writing begins, is written first: all or nothing.
-- KEYS[1]  profile
-- KEYS[2]  tombstone
-- KEYS[3]  journal
-- KEYS[4]  marks of counted events
-- KEYS[5]  closed days
-- KEYS[6]  marks in the form of 0.1.0; absent: there are none
-- ARGV[1]  expected state; '': none
-- ARGV[2]  new state
-- ARGV[3]  number of entries, one for each request that the change serves
-- ARGV[4]  now; '': no entry names topics
-- ARGV[5]  the latest time that may be stored with topics (epoch ms)
-- ARGV[6]  the oldest closed day to keep
-- ARGV[7]  expiry of the closed days (epoch seconds)
-- ARGV[8...]  per entry: journal entry, id of the event ('': none), record of its mark
--             (lib/marks.lua), its topics (lib/topics.lua; '': none); then records of the closed
--             days that change (lib/days.lua)
-- Returns  1 written; the stored state, if it is not as expected; a list with the mark, or nil, of
--          each entry, if the event of one was counted before; 0 the student is erased; -1 consent
--          to data processing is withdrawn
-- include lib/days.lua
-- include lib/marks.lua
-- include lib/topics.lua
local FIRST, SIZE = 8, 4
local first_day = FIRST + SIZE * ARGV[3]
local has_topics, fields = ARGV[4] ~= '', {'s', ARGV[2]}
local profile = redis.call('HMGET', KEYS[1], unpack(has_topics and {'s', 'c', 't'} or {'s', 'c'}))
local state, withdrawn, topics = profile[1] or '', profile[2], profile[3]
if withdrawn and withdrawn:find('p', 1, true) then return -1 end
local buckets = {}
local function is_counted()
  local known, found = {}, false
  for i = FIRST, first_day - 1, SIZE do
    local mark, record = false, ARGV[i + 2]
    if record ~= '' then
      local field = marks_bucket(record)
      if buckets[field] == nil then buckets[field] = redis.call('HGET', KEYS[4], field) or '' end
      mark = marks_find(buckets[field], record)
        or KEYS[6] and redis.call('HGET', KEYS[6], ARGV[i + 1]) or false
    end
    known[#known + 1], found = mark, found or mark
  end
  return found and known
end
local known = is_counted()
if known then return known end
local days = ARGV[first_day] and (redis.call('GET', KEYS[5]) or '')
if state ~= ARGV[1] then return state end
if state == '' and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
for i = FIRST, first_day - 1, SIZE do
  local record = ARGV[i + 2]
  if ARGV[i + 3] ~= '' then
    topics = topics_merge(topics, ARGV[i + 3], tonumber(ARGV[4]), tonumber(ARGV[5]))
    fields[3], fields[4] = 't', topics
  end
  if record ~= '' then
    local field = marks_bucket(record)
    buckets[field] = buckets[field] .. record
  end
end
for i = FIRST, first_day - 1, SIZE do redis.call('XADD', KEYS[3], '*', 'e', ARGV[i]) end
for field, bucket in pairs(buckets) do redis.call('HSET', KEYS[4], field, bucket) end
redis.call('HSET', KEYS[1], unpack(fields))
if days then
  for i = first_day, #ARGV do days = days_put(days, ARGV[i]) end
  redis.call('SET', KEYS[5], days_trim(days, tonumber(ARGV[6])), 'EXAT', ARGV[7])
end
return 1
