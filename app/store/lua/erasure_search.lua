-- SPDX-License-Identifier: GPL-3.0-or-later
-- Searches a part of a stream for entries with a text, until it has read enough bytes: Redis does
-- nothing else meanwhile.
-- KEYS[1]  the stream
-- ARGV[1]  where the part begins, as for XRANGE
-- ARGV[2]  the text; '': all entries are found
-- ARGV[3]  how many bytes to read; an entry takes time of its own, as much as 200 bytes
-- Returns  {the entries as from XRANGE; the last id that was read, '': there is none; 1 there may be
--          more, 0 this is the end of the stream}
local found, last, read, from, limit = {}, '', 0, ARGV[1], tonumber(ARGV[3])
while true do
  local page = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 10)
  for _, entry in ipairs(page) do
    local has_text = false
    read, last = read + 200, entry[1]
    for _, text in ipairs(entry[2]) do
      read, has_text = read + #text, has_text or text:find(ARGV[2], 1, true)
    end
    if has_text then found[#found + 1] = entry end
    if read >= limit then return {found, last, 1} end
  end
  if #page < 10 then return {found, last, 0} end
  from = '(' .. last
end
