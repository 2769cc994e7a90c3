-- SPDX-License-Identifier: GPL-3.0-or-later
-- For scripts on dead letters. KEYS[1]: the stream of their ids; KEYS[2]: hash with each letter's
-- text (field ID) and the names in it, separated by spaces (field 'ID names'); KEYS[3]: the index,
-- a sorted set with a member 'NAME ID' for each name.
--   dead_letter_remove(id)  removes a letter and its part of the index. Returns 1 removed; 0 not
--                           there
local function dead_letter_remove(id)
  local names = redis.call('HGET', KEYS[2], id .. ' names') or ''
  redis.call('HDEL', KEYS[2], id, id .. ' names')
  for name in names:gmatch('%S+') do redis.call('ZREM', KEYS[3], name .. ' ' .. id) end
  return redis.call('XDEL', KEYS[1], id)
end
