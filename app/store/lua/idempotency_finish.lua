-- SPDX-License-Identifier: GPL-3.0-or-later
-- Ends the ownership of a running request, unless another request has taken the record over. A
-- record that is as old as no request can be is left alone: it would outlive its entry in the
-- student's list. DEL comes first because a script that has deleted may write even if Redis is full
-- (hazards R2).
-- KEYS[1]  the record
-- ARGV[1]  owner, unique to the request
-- ARGV[2]  the record with the response; 'free': this request has made no change: delete the record,
--          unless its effect is that of an earlier request, whose change may have been made; 'end':
--          keep the record, so that a repetition with the same body continues it at once
-- ARGV[3]  how long a record with a response is kept (ms)
-- ARGV[4]  what must remain of the record's own time (ms)
-- Returns  1 done; 0 the record is not the owner's, or too old
local record = redis.call('GET', KEYS[1]) or ''
local start, effect = record:match('^(running %S+ ' .. ARGV[1] .. ') %d+ (%S+)$')
local left_ms = redis.call('PTTL', KEYS[1])
if not start then return 0 end
if ARGV[2] == 'free' and effect == ARGV[1] then return redis.call('DEL', KEYS[1]) end
if left_ms < tonumber(ARGV[4]) then return 0 end
redis.call('DEL', KEYS[1])
if ARGV[2] == 'end' or ARGV[2] == 'free' then
  redis.call('SET', KEYS[1], start .. ' 0 ' .. effect, 'PX', left_ms)
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
