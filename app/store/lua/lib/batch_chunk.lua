-- SPDX-License-Identifier: GPL-3.0-or-later
-- For the scripts of a batch's chunk. KEYS: state, students, items, results. ARGV: now, from.
--   batch_count()               updates the counts; ends the batch when each student has a result
--   batch_reply(before, list)   the reply: 1 if the status differs from `before`, 1 if this chunk
--       sends the callback (the first chunk to find the batch ended, and that chunk again if its
--       worker dies meanwhile), the batch's fields, the list
-- The order of the fields is that of BATCH_FIELDS in app/store/batch_record.h.
local function batch_count()
  local total, processed = redis.call('ZCARD', KEYS[2]), redis.call('HLEN', KEYS[4])
  redis.call('HSET', KEYS[1], 'total', total, 'processed', processed)
  if processed < total or redis.call('HGET', KEYS[1], 'status') ~= 'processing' then return end
  local failed = tonumber(redis.call('HGET', KEYS[1], 'failed'))
  redis.call('HSET', KEYS[1], 'completed', ARGV[1],
             'status', total > 0 and failed >= total and 'failed' or 'completed')
end
local function batch_reply(before, list)
  local fields = redis.call('HMGET', KEYS[1], 'status', 'priority', 'total', 'processed',
    'failed', 'created', 'started', 'completed', 'actor', 'correlation', 'traceparent', 'callback')
  local status, callback, is_caller = fields[1], fields[12], false
  if status and status ~= 'pending' and status ~= 'processing' and callback ~= '' then
    local caller = redis.call('HGET', KEYS[1], 'caller') or ARGV[2]
    redis.call('HSET', KEYS[1], 'caller', caller)
    is_caller = caller == ARGV[2]
  end
  return {before ~= status and 1 or 0, is_caller and 1 or 0, fields, list}
end
