-- SPDX-License-Identifier: GPL-3.0-or-later
-- Acquires an idempotency key for a request. A record 'running DIGEST OWNER END_MS EFFECT' whose
-- end is past belonged to a request that died, or that may have made its change without an answer.
-- One with the same body may replace it and keeps EFFECT, the id of the change.
-- KEYS[1]  the record
-- ARGV[1]  digest of the body
-- ARGV[2]  owner, unique to the request
-- ARGV[3]  how long the request owns the key (ms)
-- ARGV[4]  how long the record is kept (ms)
-- Returns  the record after this script, and how long another request still owns it (ms), 0 or less
--          if none does
-- include lib/now.lua
local record, now, effect = redis.call('GET', KEYS[1]), now_ms(), ARGV[2]
if record then
  local digest, end_ms, running_effect = record:match('^running (%S+) %S+ (%d+) ?(%S*)$')
  local left = (tonumber(end_ms) or now) - now
  if digest ~= ARGV[1] or left > 0 then return {record, left} end
  if running_effect ~= '' then effect = running_effect end -- '': by version 0.1
end
record = ('running %s %s %.0f %s'):format(ARGV[1], ARGV[2], now + ARGV[3], effect)
redis.call('SET', KEYS[1], record, 'PX', ARGV[4])
return {record, 0}
