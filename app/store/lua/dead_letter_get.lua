-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reads a dead letter. One of 0.1.0 has its text in the stream.
-- KEYS[1]  stream of the ids
-- KEYS[2]  texts
-- ARGV[1]  id, which may be any text
-- Returns  the text; nil: there is no such letter
local text = redis.call('HGET', KEYS[2], ARGV[1])
if text then return text end
local found = redis.pcall('XRANGE', KEYS[1], ARGV[1], ARGV[1], 'COUNT', 1)
local fields = not found.err and found[1] and found[1][2] or {}
return fields[1] == 'e' and fields[2]
