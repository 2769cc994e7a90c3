-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: the student's cohorts, tombstone. ARGV: cohort. Answers -1 when the student is erased: then
-- there is no link, and whoever made it takes the student out of the roster again.
if redis.call('EXISTS', KEYS[2]) == 1 then return -1 end
return redis.call('SADD', KEYS[1], ARGV[1])
