-- SPDX-License-Identifier: GPL-3.0-or-later
-- Adds a cohort to those of a student. For an erased student there is no link, and the caller then
-- removes the student from the roster again.
-- KEYS[1]  the student's cohorts
-- KEYS[2]  tombstone
-- ARGV[1]  until when the holder of the cohort's lease may write (epoch ms)
-- ARGV[2]  cohort
-- Returns  1 added; 0 it was there; -1 the lease has ended; -2 the student is erased
-- include lib/now.lua
if now_ms() > tonumber(ARGV[1]) then return -1 end
if redis.call('EXISTS', KEYS[2]) == 1 then return -2 end
return redis.call('SADD', KEYS[1], ARGV[2])
