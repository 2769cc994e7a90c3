-- SPDX-License-Identifier: GPL-3.0-or-later
-- Counts reads of the open segment. This is by far the most frequent script, so it gets as few texts
-- as possible.
-- KEYS[1]  counts of the open segment
-- KEYS[2]  the sender's mark
-- KEYS[3...]  per student: pseudonym, tombstone, profile
-- ARGV[1]  seed for pseudonyms
-- ARGV[2]  number of this command of the sender
-- ARGV[3...]  per read: index in KEYS of its student's keys (0: no student, negative: the read was
--          refused), count, the field of the hash without the pseudonym
-- Returns  audit_outcome: the number, from 0, of each read that was not counted
-- include lib/audit_once.lua
-- include lib/audit_record.lua
-- include lib/now.lua
-- include lib/audit_count.lua
local reads, names, known = {}, {}, {}
for i = 3, #KEYS, 3 do names[#names + 1] = KEYS[i] end
local function count_read(i)
  local index, pseudonym = tonumber(ARGV[i]), ''
  if index ~= 0 then
    local first = math.abs(index)
    pseudonym = known[first / 3] or audit_pseudonym(first, ARGV[1], index < 0 and 'x' or 'r')
  end
  reads[#reads + 1] = {pseudonym .. '\n' .. ARGV[i + 2], ARGV[i + 1]}
end
if names[1] then known = redis.call('MGET', unpack(names)) end
return audit_once(KEYS[2], ARGV[2], count_read, 3, 3, function() audit_count(KEYS[1], reads) end)
