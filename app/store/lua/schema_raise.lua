-- SPDX-License-Identifier: GPL-3.0-or-later
-- Raises the schema number of a store. A number that cannot be parsed, or a higher one, is left alone.
-- KEYS[1]  schema
-- ARGV[1]  the number
-- Returns  the number that is stored now
local stored = redis.call('GET', KEYS[1])
if stored and (tonumber(stored) or math.huge) >= tonumber(ARGV[1]) then return stored end
redis.call('SET', KEYS[1], ARGV[1])
return ARGV[1]
