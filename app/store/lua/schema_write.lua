-- SPDX-License-Identifier: GPL-3.0-or-later
-- Raises the schema number of the store. A number that cannot be parsed is left alone. SET may
-- fail, on a full Redis, without failing the handshake that runs this script.
-- KEYS[1]  schema
-- ARGV[1]  this program's schema number
-- Returns  the number that was stored, or ARGV[1] if there was none
local stored = redis.call('GET', KEYS[1])
if stored and (tonumber(stored) or math.huge) >= tonumber(ARGV[1]) then return stored end
redis.pcall('SET', KEYS[1], ARGV[1])
return stored or ARGV[1]
