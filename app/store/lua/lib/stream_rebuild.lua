-- SPDX-License-Identifier: GPL-3.0-or-later
-- Redis keeps what was deleted from a stream in memory, and in dumps, as long as its neighbours in
-- the same node. The stream is rebuilt from its remaining entries under the same ids. A long stream
-- is not, because all other commands would wait: there the neighbours are deleted as the worker
-- processes them.
local function make_anew(key)
  if redis.call('XLEN', key) > 10000 then return end
  local left = redis.call('XRANGE', key, '-', '+')
  redis.call('DEL', key)
  for _, entry in ipairs(left) do redis.call('XADD', key, entry[1], unpack(entry[2])) end
end
