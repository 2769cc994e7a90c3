-- SPDX-License-Identifier: GPL-3.0-or-later
-- Adds the student of a key that was found to the list, if the list does not have the student: the worker
-- looks at once. Checking the key prevents that an erased student is added.
-- KEYS[1]  list
-- KEYS[2]  the key that was found
-- ARGV[1]  name of the student in the list
-- Returns  1 added; 0 not
if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
return redis.call('ZADD', KEYS[1], 'NX', 0, ARGV[1])
