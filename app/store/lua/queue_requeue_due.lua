-- SPDX-License-Identifier: GPL-3.0-or-later
-- Moves jobs whose time to retry has come back to the end of their streams. A text that is no job
-- becomes a job of the kind '?', which no worker knows, and so a dead letter. A job whose stream
-- cannot be written is due again a minute later, so that it does not hold up the others.
-- KEYS[1]  high
-- KEYS[2]  normal
-- KEYS[3]  low
-- KEYS[4]  jobs to retry later: 'PRIORITY KIND ATTEMPTS ID BODY' by time
-- ARGV[1]  now (epoch ms)
-- ARGV[2]  how many jobs at most
-- Returns  how many were due
local due = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, job in ipairs(due) do
  local level, kind, attempts, body = job:match('^([012]) (%S+) (%d+) %S+ (.*)$')
  if not level then level, kind, attempts, body = 2, '?', '0', job end
  local added = redis.pcall('XADD', KEYS[level + 1], '*', 'k', kind, 'b', body, 't', attempts)
  if type(added) == 'table' and added.err then
    redis.call('ZADD', KEYS[4], ARGV[1] + 60000, job)
  else
    redis.call('ZREM', KEYS[4], job)
  end
end
return #due
