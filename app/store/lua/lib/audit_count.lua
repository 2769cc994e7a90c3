-- SPDX-License-Identifier: GPL-3.0-or-later
-- For scripts that count accesses, from which the worker makes records when it closes the segment.
-- Needs lib/now.lua.
--   audit_count(counts, field, count)   adds to a count. Its value is COUNT ID LAST: ID, the time of
--       the first access with a number, becomes the id of the record; LAST is the time of the last
--       access.
local function audit_count(counts, field, count)
  local value, now = redis.call('HGET', counts, field), now_ms()
  local old, id = (value or ''):match('^(%d+) (%d+%-%d+) %d+$')
  if old then count = count + old
  else id = now .. '-' .. redis.call('HLEN', counts) + 1 end
  redis.call('HSET', counts, field, table.concat({count, id, now}, ' '))
end
