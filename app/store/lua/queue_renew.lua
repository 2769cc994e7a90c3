-- SPDX-License-Identifier: GPL-3.0-or-later
-- Resets the idle time of a job, so that no other worker claims it.
-- KEYS[1]  the job's stream
-- ARGV[1]  consumer group
-- ARGV[2]  worker
-- ARGV[3]  id of the job
-- Returns  1 renewed; 0 the job is not the worker's
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not pending[1] or pending[1][2] ~= ARGV[2] then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'JUSTID')
return 1
