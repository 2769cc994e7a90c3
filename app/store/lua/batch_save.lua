-- SPDX-License-Identifier: GPL-3.0-or-later
-- ARGV: now, from, until (epoch seconds), then student and result of each. Also of a batch that was
-- ended in the meantime: what has been done is told. A student who was taken out of the batch has
-- no result.
-- include lib/batch_chunk.lua
local was = redis.call('HGET', KEYS[1], 'status')
if not was then return tell(was, {}) end
for i = 4, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[2], ARGV[i]) and
    redis.call('HSETNX', KEYS[4], ARGV[i], ARGV[i + 1]) == 1
  then
    redis.call('HDEL', KEYS[3], ARGV[i])
    if ARGV[i + 1]:sub(1, 1) == '-' then redis.call('HINCRBY', KEYS[1], 'failed', 1) end
  end
end
redis.call('EXPIREAT', KEYS[4], ARGV[3])
settle()
return tell(was, {})
