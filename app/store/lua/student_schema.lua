-- SPDX-License-Identifier: GPL-3.0-or-later
-- In the place of student_change, for a process that does not know the schema number, because the
-- node of a cluster that has it is away: tells it from the key that workers write in each shard.
-- KEYS[1]  profile
-- KEYS[2]  schema number of the shard
-- Returns  {2, stored state} if packed forms are written, as if another state were expected; {0} if
--          the number is not known here either
if redis.call('EXISTS', KEYS[2]) == 0 then return {0} end
return {2, redis.call('HGET', KEYS[1], 's') or ''}
