-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes marks of events that are too old to be repeated.
-- KEYS[1]  marks of counted events
-- ARGV[1]  the oldest day to keep (days since the epoch)
-- Returns  '0', as the other trimming scripts do at the end of a key
-- include lib/marks.lua
local fields, oldest = redis.call('HGETALL', KEYS[1]), tonumber(ARGV[1])
for i = 1, #fields, 2 do
  local kept = {}
  marks_each(fields[i + 1], function(_, day, _, record)
    if day >= oldest then kept[#kept + 1] = record end
  end)
  local bucket = table.concat(kept)
  if bucket == '' then redis.call('HDEL', KEYS[1], fields[i])
  elseif bucket ~= fields[i + 1] then redis.call('HSET', KEYS[1], fields[i], bucket) end
end
return '0'
