-- SPDX-License-Identifier: GPL-3.0-or-later
-- For the scripts of a batch's chunk. KEYS: state, students, items, results. ARGV: now, from.
--   settle()          counts, and ends the batch when each student has a result
--   tell(was, list)   the reply: 1 when the status is not `was` any more, 1 when this chunk sends the
--                     callback (the first chunk to find the batch ended; the same chunk again if its
--                     worker dies meanwhile), the batch's fields, list
-- The order of the fields is that of BATCH_FIELDS in app/store/batch_internal.h.
local function settle()
  local all, done = redis.call('ZCARD', KEYS[2]), redis.call('HLEN', KEYS[4])
  redis.call('HSET', KEYS[1], 'total', all, 'processed', done)
  if done < all or redis.call('HGET', KEYS[1], 'status') ~= 'processing' then return end
  local failed = tonumber(redis.call('HGET', KEYS[1], 'failed'))
  redis.call('HSET', KEYS[1], 'completed', ARGV[1],
             'status', all > 0 and failed >= all and 'failed' or 'completed')
end
local function tell(was, list)
  local facts = redis.call('HMGET', KEYS[1], 'status', 'priority', 'total', 'processed',
    'failed', 'created', 'started', 'completed', 'actor', 'correlation', 'traceparent', 'callback')
  local call = 0
  if facts[1] and facts[1] ~= 'pending' and facts[1] ~= 'processing' and facts[12] ~= ''
  then
    local caller = redis.call('HGET', KEYS[1], 'caller') or ARGV[2]
    redis.call('HSET', KEYS[1], 'caller', caller)
    call = caller == ARGV[2] and 1 or 0
  end
  return {was ~= facts[1] and 1 or 0, call, facts, list}
end
