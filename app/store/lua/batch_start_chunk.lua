-- SPDX-License-Identifier: GPL-3.0-or-later
-- ARGV: now, from, to. The list: student and item (empty when nothing is stated) of those in the
-- part that have no result.
-- include lib/batch_chunk.lua
local was, left = redis.call('HGET', KEYS[1], 'status'), {}
if was == 'pending' then
  redis.call('HSET', KEYS[1], 'status', 'processing', 'started', ARGV[1])
end
if was == 'pending' or was == 'processing' then
  for _, student in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[2], '(' .. ARGV[3]))
  do
    if redis.call('HEXISTS', KEYS[4], student) == 0 then
      left[#left + 1] = student
      left[#left + 1] = redis.call('HGET', KEYS[3], student) or ''
    end
  end
  if #left == 0 then settle() end
end
return tell(was, left)
