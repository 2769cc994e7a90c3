-- SPDX-License-Identifier: GPL-3.0-or-later
-- Adds a dead letter. When there are too many, the oldest are removed, a few at a time.
-- KEYS[1]  stream of the ids
-- KEYS[2]  texts
-- KEYS[3]  index
-- ARGV[1]  source of the letter, only for operators who look at the stream
-- ARGV[2]  text
-- ARGV[3]  how many letters may exist
-- ARGV[4...]  names in the letter
-- Returns  the id
-- include lib/dead_letter.lua
local id = redis.call('XADD', KEYS[1], '*', 's', ARGV[1])
local names = {unpack(ARGV, 4)}
redis.call('HSET', KEYS[2], id, ARGV[2], id .. ' names', table.concat(names, ' '))
for _, name in ipairs(names) do redis.call('ZADD', KEYS[3], 0, name .. ' ' .. id) end
local excess = redis.call('XLEN', KEYS[1]) - ARGV[3]
if excess > 0 then
  local oldest = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', math.min(excess, 10))
  for _, entry in ipairs(oldest) do dead_letter_remove(entry[1]) end
end
return id
