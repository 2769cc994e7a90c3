-- SPDX-License-Identifier: GPL-3.0-or-later
-- The list of the students of a shard with records that will be too old one day, by the day (since
-- the epoch) on which the worker looks (app/store/retention.h): adds to it.
--   retention_add(list, key, suffix, day)   adds the student, taken from a key with this suffix, or
--       makes the day that is stored earlier
local function retention_add(list, key, suffix, day)
  redis.call('ZADD', list, 'LT', day, key:sub(#'{ss}:student:' + 1, -#suffix - 1))
end
