-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: lease, journal, outbox, audit, then of each student: stream of events, pseudonym,
-- tombstone, profile. ARGV: holder, ms of the oldest event that stays, ms that a stream lives on,
-- then an entry: its id, the place in KEYS of its student's (0: none), the text for the stream of
-- events (may be empty), a pseudonym for a student without one, the audit record's texts, the
-- number of messages, and each message's event and traceparent. Removing comes first: it says who
-- turns the entry, and a script that has removed something may add something even when Redis is
-- full (hazards R2).
-- include lib/audit_record.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local turned, at = 0, 5
while ARGV[at] do
  local place, messages = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 11])
  if redis.call('XDEL', KEYS[2], ARGV[at]) == 1 then
    turned = turned + 1
    if place > 0 then
      audit_add(KEYS[4], at + 3, audit_whom(place + 1, ARGV[4], 'w'))
    end
    if place > 0 and ARGV[at + 2] ~= '' then
      redis.call('XADD', KEYS[place], 'MINID', '~', ARGV[2], '*', 'e', ARGV[at + 2])
      redis.call('PEXPIRE', KEYS[place], ARGV[3])
    end
    for i = at + 12, at + 10 + 2 * messages, 2 do
      redis.call('XADD', KEYS[3], '*', 'e', ARGV[i], 't', ARGV[i + 1])
    end
  end
  at = at + 12 + 2 * messages
end
return turned
