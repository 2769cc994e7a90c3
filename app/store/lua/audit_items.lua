-- SPDX-License-Identifier: GPL-3.0-or-later
-- Appends audit records to the open segment. The first refusal of its kind is recorded at once;
-- further ones are counted, so that a flood of refusals makes two records in each segment.
-- KEYS[1]  records of the open segment
-- KEYS[2]  counts of the open segment
-- KEYS[3]  the sender's mark
-- KEYS[4...]  per student: pseudonym, tombstone, profile
-- ARGV[1]  seed for pseudonyms
-- ARGV[2]  number of this command of the sender
-- ARGV[3...]  per item: mode ('n' record, 'x' refusal), index in KEYS of its student's keys (0: no
--          student), the 8 texts of the record
-- Returns  audit_outcome: the number, from 0, of each item that was not recorded
-- include lib/audit_once.lua
-- include lib/audit_record.lua
-- include lib/now.lua
-- include lib/audit_count.lua
local function add_item(i)
  local index, first, pseudonym = tonumber(ARGV[i + 1]), i + 2, ''
  if index > 0 then
    pseudonym = audit_pseudonym(index, ARGV[1], ARGV[first + 4] == '0' and 'x' or 'r')
  end
  local field, is_known = audit_field(first, pseudonym), false
  if ARGV[i] == 'x' then is_known = redis.call('HEXISTS', KEYS[2], field) == 1 end
  if is_known then audit_count(KEYS[2], {{field, ARGV[first + 7]}})
  else
    audit_add(KEYS[1], first, pseudonym)
    if ARGV[i] == 'x' then audit_count(KEYS[2], {{field, 0}}) end
  end
end
return audit_once(KEYS[3], ARGV[2], add_item, 3, 10)
