-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes a job that is the worker's, and may queue another one. A job that an erasure has deleted
-- is still pending: it is acknowledged and nothing follows it.
-- KEYS[1]  the job's stream
-- KEYS[2]  jobs to retry later
-- ARGV[1]  consumer group
-- ARGV[2]  worker
-- ARGV[3]  id of the job
-- ARGV[4]  '' nothing follows; 'later': retry ARGV[6]; 'next': queue another job
-- ARGV[5]  later: when (epoch ms); next: kind
-- ARGV[6]  later: the job as a text; next: body
-- Returns  1 removed; 0 the job is not the worker's, or was deleted
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not pending[1] or pending[1][2] ~= ARGV[2] then return 0 end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
if redis.call('XDEL', KEYS[1], ARGV[3]) == 0 then return 0 end
if ARGV[4] == 'later' then
  redis.call('ZADD', KEYS[2], ARGV[5], ARGV[6])
elseif ARGV[4] == 'next' then
  redis.call('XADD', KEYS[1], '*', 'k', ARGV[5], 'b', ARGV[6], 't', '0')
end
return 1
