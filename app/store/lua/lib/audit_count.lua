-- SPDX-License-Identifier: GPL-3.0-or-later
-- For scripts that count accesses, from which the worker makes records when it closes the segment.
-- Needs lib/now.lua.
--   audit_count(counts, field, count, request)   adds to a count. Its value is COUNT ID LAST REQUEST:
--       ID, the time of the first access with a number, becomes the id of the record; LAST is the
--       time of the last access, REQUEST the id of the first one's request.
local function audit_count(counts, field, count, request)
  local value, now = redis.call('HGET', counts, field), now_ms()
  local old, id, known = (value or ''):match('^(%d+) (%d+%-%d+) %d+ (.*)$')
  if old then count = count + old
  else id, known = now .. '-' .. redis.call('HLEN', counts) + 1, request end
  redis.call('HSET', counts, field, table.concat({count, id, now, known}, ' '))
end
