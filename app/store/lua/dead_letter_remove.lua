-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes dead letters.
-- KEYS[1]  stream of the ids
-- KEYS[2]  texts
-- KEYS[3]  index
-- ARGV[1...]  ids
-- Returns  how many were removed
-- include lib/dead_letter.lua
local count = 0
for _, id in ipairs(ARGV) do count = count + dead_letter_remove(id) end
return count
