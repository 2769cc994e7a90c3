-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: schema. ARGV: ours. What stands there now.
local found = redis.call('GET', KEYS[1])
if found and (tonumber(found) or math.huge) >= tonumber(ARGV[1]) then return found end
redis.pcall('SET', KEYS[1], ARGV[1])
return found or ARGV[1]
