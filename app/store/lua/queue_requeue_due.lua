-- SPDX-License-Identifier: GPL-3.0-or-later
-- Moves jobs whose time to retry has come back to the end of their streams.
-- KEYS[1]  high
-- KEYS[2]  normal
-- KEYS[3]  low
-- KEYS[4]  jobs to retry later: 'PRIORITY KIND ATTEMPTS ID BODY' by time
-- ARGV[1]  now (epoch ms)
-- ARGV[2]  how many jobs at most
-- Returns  how many were moved
local due = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, job in ipairs(due) do
  local level, kind, attempts, body = job:match('^(%d) (%S+) (%d+) %S+ (.*)$')
  redis.call('XADD', KEYS[level + 1], '*', 'k', kind, 'b', body, 't', attempts)
  redis.call('ZREM', KEYS[4], job)
end
return #due
