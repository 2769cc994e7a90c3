-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: high, normal, low, later. ARGV: now, most.
local due = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, job in ipairs(due) do
  local level, kind, tries, body = job:match('^(%d) (%S+) (%d+) %S+ (.*)$')
  redis.call('XADD', KEYS[level + 1], '*', 'k', kind, 'b', body, 't', tries)
  redis.call('ZREM', KEYS[4], job)
end
return #due
