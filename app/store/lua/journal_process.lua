-- SPDX-License-Identifier: GPL-3.0-or-later
-- Processes journal entries: deletes each and writes its effects. An entry is deleted first: this
-- shows that no other run has processed it, and a script that has freed memory may write even if
-- Redis is full (hazards R2). What was written before an error stays written, so the types of all
-- keys are known before an entry is deleted: a shard whose outbox or audit log has another type is
-- an error before any change, and an entry that needs such a key of its student is left alone. The
-- accesses that are only counted are counted together at the end.
-- KEYS[1]  lease
-- KEYS[2]  journal
-- KEYS[3]  outbox
-- KEYS[4]  audit log
-- KEYS[5]  counts of the audit log
-- KEYS[6]  days on which records of students are too old (app/store/retention.h)
-- KEYS[7...]  per student: stream of events, pseudonym, tombstone, profile
-- ARGV[1]  holder of the lease
-- ARGV[2]  the oldest event to keep in a student's stream (epoch ms)
-- ARGV[3]  how long such a stream lives after its last event (ms)
-- ARGV[4]  seed for pseudonyms
-- ARGV[5]  1 KEYS[6] is kept; 0 not, because versions that do not know it use the store
-- ARGV[6...]  per entry: id, index in KEYS of its student's keys (0: none, only delete), event for
--          the student's stream ('': none; a packed one begins with a byte 1 and becomes the field z,
--          one as JSON the field e), the 8 texts of the audit record, 1 the record is only counted,
--          number of messages, event and traceparent of each message
-- Returns  how many entries were processed (-1: the lease is not the holder's), then the number, from
--          0, of each entry that was left alone
-- include lib/audit_record.lua
-- include lib/now.lua
-- include lib/audit_count.lua
-- include lib/retention_day.lua
-- include lib/retention.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
redis.call('XLEN', KEYS[3])
redis.call('XLEN', KEYS[4])
redis.call('HLEN', KEYS[5])
redis.call('ZCARD', KEYS[6])
local reply, at, number, counted, pseudonyms = {0}, 6, 0, {}, {}
-- Sets pseudonyms[index] to the stored pseudonym, false if there is none. Deletes nothing, and needs
-- no memory.
local function is_usable(index, has_event)
  if pseudonyms[index] == nil then
    local known = redis.pcall('GETEX', KEYS[index + 1], 'PERSIST')
    if type(known) == 'table' then return false end
    pseudonyms[index] = known
  end
  local events = has_event and redis.call('TYPE', KEYS[index]).ok or 'none'
  return events == 'stream' or events == 'none'
end
-- A packed event has its own day. Of one as JSON the worker finds it out the next day.
local function add_to_retention(index, id, event)
  local day, oldest = retention_day(id), nil
  if event:byte() == 1 then oldest = math.min(day, (struct.unpack('<I2', event, 2))) end
  local due = event == '' and day or oldest or day + 1 - RETENTION_DAYS
  retention_add(KEYS[6], KEYS[index], ':events', due + RETENTION_DAYS)
end
while ARGV[at] do
  local index, messages = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 12])
  if index > 0 and not is_usable(index, ARGV[at + 2] ~= '') then
    reply[#reply + 1] = number
  elseif redis.call('XDEL', KEYS[2], ARGV[at]) == 1 then
    reply[1] = reply[1] + 1
    if index > 0 then
      local pseudonym = pseudonyms[index] or audit_pseudonym(index + 1, ARGV[4], 'w')
      pseudonyms[index] = pseudonym
      if ARGV[at + 11] == '1' then
        counted[#counted + 1] = {audit_field(at + 3, pseudonym), 1}
      else audit_add(KEYS[4], at + 3, pseudonym) end
    end
    if index > 0 and ARGV[5] == '1' then add_to_retention(index, ARGV[at], ARGV[at + 2]) end
    if index > 0 and ARGV[at + 2] ~= '' then
      local field = ARGV[at + 2]:byte() == 1 and 'z' or 'e'
      redis.call('XADD', KEYS[index], 'MINID', '~', ARGV[2], '*', field, ARGV[at + 2])
      redis.call('PEXPIRE', KEYS[index], ARGV[3])
    end
    for i = at + 13, at + 11 + 2 * messages, 2 do
      redis.call('XADD', KEYS[3], '*', 'e', ARGV[i], 't', ARGV[i + 1])
    end
  end
  at, number = at + 13 + 2 * messages, number + 1
end
audit_count(KEYS[5], counted)
return reply
