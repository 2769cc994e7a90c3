-- SPDX-License-Identifier: GPL-3.0-or-later
-- Changes the epoch, a number by which all processes notice that a student has been erased. DEL comes first
-- because a script that has freed memory may then write even if Redis is full (hazards R2).
-- KEYS[1]  the epoch
-- Returns  the new number
local epoch = tonumber(redis.call('GET', KEYS[1])) or 0
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], epoch + 1)
return epoch + 1
