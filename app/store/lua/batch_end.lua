-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: job. ARGV: now, status, and the part that will see to the callback, if one ends it. Answers
-- 1 when it ends by this, 2 when it had ended and that part sees to the callback, 0 when it had
-- ended otherwise, -1 when it is not there.
local was = redis.call('HGET', KEYS[1], 'status')
if not was then return -1 end
if was ~= 'pending' and was ~= 'processing' then
  return redis.call('HGET', KEYS[1], 'caller') == ARGV[3] and 2 or 0
end
redis.call('HSET', KEYS[1], 'status', ARGV[2], 'completed', ARGV[1])
if ARGV[3] then redis.call('HSET', KEYS[1], 'caller', ARGV[3]) end
return 1
