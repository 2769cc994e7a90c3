-- SPDX-License-Identifier: GPL-3.0-or-later
-- Processes journal entries: deletes each and writes its effects. An entry is deleted first: this
-- shows that no other run has processed it, and a script that has freed memory may write even if
-- Redis is full (hazards R2).
-- KEYS[1]  lease
-- KEYS[2]  journal
-- KEYS[3]  outbox
-- KEYS[4]  audit log
-- KEYS[5...]  per student: stream of events, pseudonym, tombstone, profile
-- ARGV[1]  holder of the lease
-- ARGV[2]  the oldest event to keep in a student's stream (epoch ms)
-- ARGV[3]  how long such a stream lives after its last event (ms)
-- ARGV[4]  seed for pseudonyms
-- ARGV[5...]  per entry: id, index in KEYS of its student's keys (0: none, only delete), event for
--          the student's stream ('': none), the 8 texts of the audit record, number of messages,
--          event and traceparent of each message
-- Returns  how many entries were processed; -1 the lease is not the holder's
-- include lib/audit_record.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local processed, at = 0, 5
while ARGV[at] do
  local index, messages = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 11])
  if redis.call('XDEL', KEYS[2], ARGV[at]) == 1 then
    processed = processed + 1
    if index > 0 then
      audit_add(KEYS[4], at + 3, audit_pseudonym(index + 1, ARGV[4], 'w'))
    end
    if index > 0 and ARGV[at + 2] ~= '' then
      redis.call('XADD', KEYS[index], 'MINID', '~', ARGV[2], '*', 'e', ARGV[at + 2])
      redis.call('PEXPIRE', KEYS[index], ARGV[3])
    end
    for i = at + 12, at + 10 + 2 * messages, 2 do
      redis.call('XADD', KEYS[3], '*', 'e', ARGV[i], 't', ARGV[i + 1])
    end
  end
  at = at + 12 + 2 * messages
end
return processed
