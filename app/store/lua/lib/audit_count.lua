-- SPDX-License-Identifier: GPL-3.0-or-later
-- For scripts that count accesses, from which the worker makes records when it closes the segment.
-- Needs lib/now.lua.
--   audit_count(counts, accesses)   adds to counts, all or none. accesses: a list of {field, count}.
--       The value of a field is COUNT ID LAST: ID, the time of the first access with a number,
--       becomes the id of the record; LAST is the time of the last access. The numbers are above
--       those that Redis gives entries of a stream within a millisecond, so no two ids are equal.
local COUNT_NUMBER = 8192
local function audit_count(counts, accesses)
  local fields, added, values, size = {}, {}, {}, nil
  for _, access in ipairs(accesses) do
    local field, count = unpack(access)
    if added[field] then added[field] = added[field] + count
    else fields[#fields + 1], added[field] = field, count end
  end
  if not fields[1] then return end
  local now, stored = now_ms(), redis.call('HMGET', counts, unpack(fields))
  for i, field in ipairs(fields) do
    local count = added[field]
    local old, id = (stored[i] or ''):match('^(%d+) (%d+%-%d+) %d+$')
    if old then count = count + old
    else
      size = (size or redis.call('HLEN', counts)) + 1
      id = now .. '-' .. (COUNT_NUMBER + size)
    end
    values[2 * i - 1], values[2 * i] = field, table.concat({count, id, now}, ' ')
  end
  redis.call('HSET', counts, unpack(values))
end
