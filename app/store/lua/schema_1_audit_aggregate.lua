-- SPDX-License-Identifier: GPL-3.0-or-later
-- Turns counted reads into audit records. A count is deleted before its record is added: deleting
-- works when Redis is full, and shows that this run owns the count.
-- KEYS[1]  lease
-- KEYS[2]  counted reads
-- KEYS[3]  audit log
-- ARGV[1]  holder of the lease
-- ARGV[2...]  per read: its field in KEYS[2], the field's value as the caller has read it, pseudonym,
--          the 8 texts of the record (the last is the count; '0': a refusal that was recorded at
--          once, so its count is only deleted)
-- Returns  how many records were added; -1 the lease is not the holder's
-- include lib/audit_record.lua
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
redis.call('XLEN', KEYS[3]) -- an audit log of another type is an error before any count is deleted
local added = 0
for i = 2, #ARGV, 11 do
  local field, value, pseudonym = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  if redis.call('HGET', KEYS[2], field) == value then
    redis.call('HDEL', KEYS[2], field)
    if ARGV[i + 10] ~= '0' then
      audit_add(KEYS[3], i + 3, pseudonym)
      added = added + 1
    end
  end
end
return added
