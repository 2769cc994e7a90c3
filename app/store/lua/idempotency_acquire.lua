-- SPDX-License-Identifier: GPL-3.0-or-later
-- Acquires an idempotency key for a request. A record 'running DIGEST OWNER END_MS' whose end is
-- past belonged to a request that died; one with the same body may replace it. Time is that of
-- Redis, the same for all processes.
-- KEYS[1]  the record
-- ARGV[1]  digest of the body
-- ARGV[2]  owner, unique to the request
-- ARGV[3]  how long the request may run (ms)
-- ARGV[4]  how long the record is kept (ms)
-- Returns  nil acquired; else the record of the other request
local record = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if record then
  local digest, end_ms = record:match('^running (%S+) %S+ (%d+)$')
  if digest ~= ARGV[1] or tonumber(end_ms) > now then return record end
end
local new = string.format('running %s %s %.0f', ARGV[1], ARGV[2], now + ARGV[3])
redis.call('SET', KEYS[1], new, 'PX', ARGV[4])
return false
