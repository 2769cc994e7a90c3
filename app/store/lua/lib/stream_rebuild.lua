-- SPDX-License-Identifier: GPL-3.0-or-later
-- Redis keeps a deleted stream entry in memory, and in dumps, as long as other entries of the same
-- node exist. stream_rebuild writes the remaining entries anew under the same ids. A stream of more
-- than 1000 entries or 1 MB is left alone, because all other commands would have to wait: its
-- entries disappear as the worker processes their neighbours.
local function stream_rebuild(key)
  if redis.call('XLEN', key) > 1000 then return end
  local entries, bytes, from = {}, 0, '-'
  repeat
    local page = redis.call('XRANGE', key, from, '+', 'COUNT', 10)
    for _, entry in ipairs(page) do
      from, entries[#entries + 1] = '(' .. entry[1], entry
      for _, text in ipairs(entry[2]) do bytes = bytes + #text end
    end
    if bytes > 1000000 then return end
  until #page < 10
  redis.call('DEL', key)
  for _, entry in ipairs(entries) do redis.call('XADD', key, entry[1], unpack(entry[2])) end
end
