-- SPDX-License-Identifier: GPL-3.0-or-later
-- Stores results of a chunk, also of a batch that was ended meanwhile: finished work is shown. A
-- student who was removed from the batch gets no result.
-- KEYS[1]  state
-- KEYS[2]  students
-- KEYS[3]  items
-- KEYS[4]  results
-- ARGV[1]  now (epoch ms)
-- ARGV[2]  position at which the chunk begins
-- ARGV[3]  expiry (epoch seconds)
-- ARGV[4...]  per student: id, result
-- Returns  batch_reply with an empty list
-- include lib/batch_chunk.lua
local before = redis.call('HGET', KEYS[1], 'status')
if not before then return batch_reply(before, {}) end
for i = 4, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[2], ARGV[i]) and
    redis.call('HSETNX', KEYS[4], ARGV[i], ARGV[i + 1]) == 1
  then
    redis.call('HDEL', KEYS[3], ARGV[i])
    if ARGV[i + 1]:sub(1, 1) == '-' then redis.call('HINCRBY', KEYS[1], 'failed', 1) end
  end
end
redis.call('EXPIREAT', KEYS[4], ARGV[3])
batch_count()
return batch_reply(before, {})
