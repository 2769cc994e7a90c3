-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reads a page of dead letters. One of 0.1.0 has its text in the stream, as it is returned.
-- KEYS[1]  stream of the ids
-- KEYS[2]  texts
-- ARGV[1]  command: XRANGE or XREVRANGE
-- ARGV[2]  where the page begins
-- ARGV[3]  where it ends
-- ARGV[4]  how many letters at most
-- Returns  a list of {id, {'e', text}}, as from a stream
local page = redis.call(ARGV[1], KEYS[1], ARGV[2], ARGV[3], 'COUNT', ARGV[4])
for _, entry in ipairs(page) do
  local text = redis.call('HGET', KEYS[2], entry[1])
  if text then entry[2] = {'e', text} end
end
return page
