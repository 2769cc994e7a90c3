-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: lease, reads, audit. ARGV: holder, then for each: field, value, whom, the record's texts.
-- Removing comes first: it makes room, and says whose the count is.
-- include lib/audit_record.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local folded = 0
for i = 2, #ARGV, 11 do
  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[2], ARGV[i])
    if ARGV[i + 10] ~= '0' then
      audit_add(KEYS[3], i + 3, ARGV[i + 2])
      folded = folded + 1
    end
  end
end
return folded
