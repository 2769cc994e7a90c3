-- SPDX-License-Identifier: GPL-3.0-or-later
-- Starts the job of a chunk.
-- KEYS[1]  state
-- KEYS[2]  students
-- KEYS[3]  items
-- KEYS[4]  results
-- ARGV[1]  now (epoch ms)
-- ARGV[2]  position at which the chunk begins
-- ARGV[3]  position after its last student
-- Returns  batch_reply; its list: student and item ('': nothing is stated) of each student of the
--          chunk without a result
-- include lib/batch_chunk.lua
local before, list = redis.call('HGET', KEYS[1], 'status'), {}
if before == 'pending' then
  redis.call('HSET', KEYS[1], 'status', 'processing', 'started', ARGV[1])
end
if before == 'pending' or before == 'processing' then
  for _, student in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], ARGV[2], '(' .. ARGV[3])) do
    if redis.call('HEXISTS', KEYS[4], student) == 0 then
      list[#list + 1] = student
      list[#list + 1] = redis.call('HGET', KEYS[3], student) or ''
    end
  end
  if #list == 0 then batch_count() end
end
return batch_reply(before, list)
