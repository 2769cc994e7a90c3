-- SPDX-License-Identifier: GPL-3.0-or-later
-- Appends audit records. The first refusal of its kind in a minute is recorded at once; further
-- ones are counted, so that a flood of refusals makes two records a minute.
-- KEYS[1]  audit log
-- KEYS[2]  counted reads
-- KEYS[3]  the sender's mark
-- KEYS[4...]  per student: pseudonym, tombstone, profile
-- ARGV[1]  seed for pseudonyms
-- ARGV[2]  number of this command of the sender
-- ARGV[3...]  per item: mode ('n' record, 'x' refusal), index in KEYS of its student's keys (0: no
--          student), minute, the 8 texts of the record
-- Returns  audit_outcome: the number, from 0, of each item that was not recorded
-- include lib/audit_once.lua
-- include lib/audit_record.lua
local function add_item(i)
  local index, first, pseudonym = tonumber(ARGV[i + 1]), i + 3, ''
  if index > 0 then
    pseudonym = audit_pseudonym(index, ARGV[1], ARGV[first + 4] == '0' and 'x' or 'r')
  end
  local field, value
  if ARGV[i] == 'x' then
    field = table.concat({pseudonym, ARGV[i + 2], ARGV[first], ARGV[first + 1],
      ARGV[first + 2], ARGV[first + 3], ARGV[first + 4], ARGV[first + 6]}, '\n')
    value = redis.call('HGET', KEYS[2], field)
  end
  if value then
    local old_count, old_request = string.match(value, '^(%d+) (.*)$')
    local count = tonumber(ARGV[first + 7]) + (tonumber(old_count) or 0)
    redis.call('HSET', KEYS[2], field, count .. ' ' .. (old_request or ARGV[first + 5]))
  else
    audit_add(KEYS[1], first, pseudonym)
    if field then redis.call('HSET', KEYS[2], field, '0 ' .. ARGV[first + 5]) end
  end
end
return audit_once(KEYS[3], ARGV[2], add_item, 3, 11)
