-- SPDX-License-Identifier: GPL-3.0-or-later
-- The list of the students of a shard of whom something will have to be removed, by the day (since
-- the epoch) on which the worker looks (app/store/retention.h).
--   retention_name(key, suffix)    the student's name in the list, from a key with this suffix
--   retention_day(id)              the day of the entry of a stream with this id
--   retention_add(list, name, day)   adds the student, or makes the day that is stored earlier
local RETENTION_DAYS = 91
local function retention_name(key, suffix) return key:sub(#'{ss}:student:' + 1, -#suffix - 1) end
local function retention_day(id) return math.floor(id:match('^%d+') / 86400000) end
local function retention_add(list, name, day) redis.call('ZADD', list, 'LT', day, name) end
