-- SPDX-License-Identifier: GPL-3.0-or-later
-- Stores the schema number of a store that has none, because it is new. SET may fail, on a full Redis,
-- without failing the handshake that runs this script.
-- KEYS[1]  schema
-- ARGV[1]  this program's schema number
-- Returns  the number that was stored, or ARGV[1] if there was none
local stored = redis.call('GET', KEYS[1])
if stored then return stored end
redis.pcall('SET', KEYS[1], ARGV[1])
return ARGV[1]
