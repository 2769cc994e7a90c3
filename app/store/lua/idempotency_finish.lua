-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: the record. ARGV: owner, and the record that is to be there instead for so many ms; without
-- it, or when the owner's time is up, there is none.
local there = redis.call('GET', KEYS[1]) or ''
local owner, ends = there:match('^running %S+ (%S+) (%d+)$')
if owner ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local late = time[1] * 1000 + math.floor(time[2] / 1000) > tonumber(ends)
if late or not ARGV[2] then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
