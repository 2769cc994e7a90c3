-- SPDX-License-Identifier: GPL-3.0-or-later
-- Searches a part of a stream for entries with a text, until it has read enough bytes: Redis does
-- nothing else meanwhile.
-- KEYS[1]  the stream
-- ARGV[1]  where the part begins, as for XRANGE
-- ARGV[2]  the text; '': all entries are found
-- ARGV[3]  how many bytes to read; an entry takes time of its own, as much as 200 bytes
-- Returns  {the entries as from XRANGE; the last id that was read, '': there is none; 1 there may be
--          more, 0 this is the end of the stream}
local found, last, read, from = {}, '', 0, ARGV[1]
while read < tonumber(ARGV[3]) do
  local page = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 10)
  for _, entry in ipairs(page) do
    read = read + 200
    for _, text in ipairs(entry[2]) do
      read = read + #text
      if text:find(ARGV[2], 1, true) then found[#found + 1] = entry break end
    end
    last = entry[1]
  end
  if #page < 10 then return {found, last, 0} end
  from = '(' .. last
end
return {found, last, 1}
