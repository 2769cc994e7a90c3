-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: the record. ARGV: digest, owner, how long the request may run, how long a record is kept,
-- both in ms. Nothing when the key has been taken, else the record that is in the way.
local there = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if there then
  local digest, ends = there:match('^running (%S+) %S+ (%d+)$')
  if digest ~= ARGV[1] or tonumber(ends) > now then return there end
end
local mine = string.format('running %s %s %.0f', ARGV[1], ARGV[2], now + ARGV[3])
redis.call('SET', KEYS[1], mine, 'PX', ARGV[4])
return false
