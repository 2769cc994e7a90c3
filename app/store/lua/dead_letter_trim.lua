-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes the oldest dead letters up to an age.
-- KEYS[1]  stream of the ids
-- KEYS[2]  texts
-- KEYS[3]  index
-- ARGV[1]  id of the newest letter to remove, or the beginning of one
-- ARGV[2]  how many at most
-- Returns  how many were removed
-- include lib/dead_letter.lua
local old = redis.call('XRANGE', KEYS[1], '-', ARGV[1], 'COUNT', ARGV[2])
for _, entry in ipairs(old) do dead_letter_remove(entry[1]) end
return #old
