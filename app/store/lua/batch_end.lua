-- SPDX-License-Identifier: GPL-3.0-or-later
-- Ends a batch before all its students have results.
-- KEYS[1]  state
-- ARGV[1]  now (epoch ms)
-- ARGV[2]  status: cancelled or failed
-- ARGV[3]  the chunk that will send the callback; absent: no chunk is chosen
-- Returns  1 the batch is ended by this; 2 it had ended before, and the chunk ARGV[3] is the one that
--          sends the callback; 0 it had ended before; -1 there is no such batch
local status = redis.call('HGET', KEYS[1], 'status')
if not status then return -1 end
if status ~= 'pending' and status ~= 'processing' then
  return redis.call('HGET', KEYS[1], 'caller') == ARGV[3] and 2 or 0
end
redis.call('HSET', KEYS[1], 'status', ARGV[2], 'completed', ARGV[1])
if ARGV[3] then redis.call('HSET', KEYS[1], 'caller', ARGV[3]) end
return 1
