-- SPDX-License-Identifier: GPL-3.0-or-later
-- Redis keeps a deleted stream entry in memory, and in dumps, as long as other entries of the same
-- node exist. stream_rebuild writes the remaining entries anew under the same ids. A stream of more
-- than 10000 entries is left alone, because all other commands would have to wait: its entries
-- disappear as the worker processes their neighbours.
local function stream_rebuild(key)
  if redis.call('XLEN', key) > 10000 then return end
  local entries = redis.call('XRANGE', key, '-', '+')
  redis.call('DEL', key)
  for _, entry in ipairs(entries) do redis.call('XADD', key, entry[1], unpack(entry[2])) end
end
