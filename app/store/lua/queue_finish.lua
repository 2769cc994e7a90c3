-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: the job's stream, later. ARGV: group, worker, id, then what: "" to finish it, "later" with
-- when and what, "next" with kind and body. One that an erasure has taken is still pending, and
-- must not come back.
local p = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)
if not p[1] or p[1][2] ~= ARGV[2] then return 0 end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
if redis.call('XDEL', KEYS[1], ARGV[3]) == 0 then return 0 end
if ARGV[4] == 'later' then
  redis.call('ZADD', KEYS[2], ARGV[5], ARGV[6])
elseif ARGV[4] == 'next' then
  redis.call('XADD', KEYS[1], '*', 'k', ARGV[5], 'b', ARGV[6], 't', '0')
end
return 1
