-- SPDX-License-Identifier: GPL-3.0-or-later
-- Replaces the record of a running request by its response, or deletes it. A request that ran too
-- long has no record any more that it may replace.
-- KEYS[1]  the record
-- ARGV[1]  owner, unique to the request
-- ARGV[2]  the record with the response; absent: delete
-- ARGV[3]  how long it is kept (ms)
-- Returns  1 replaced or deleted; 0 the record is not the owner's
local record = redis.call('GET', KEYS[1]) or ''
local owner, end_ms = record:match('^running %S+ (%S+) (%d+)$')
if owner ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local is_late = time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(end_ms)
if is_late or not ARGV[2] then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
