-- SPDX-License-Identifier: GPL-3.0-or-later
-- Replaces events in a student's stream by packed ones. A stream cannot be changed in its middle, so
-- it is written again: the same entries under the same ids.
-- KEYS[1]  events
-- ARGV[1...]  per event: id of its entry, the packed event
-- Returns  how many events were replaced
local packed, replaced = {}, 0
for i = 1, #ARGV, 2 do packed[ARGV[i]] = ARGV[i + 1] end
local entries, ttl = redis.call('XRANGE', KEYS[1], '-', '+'), redis.call('PTTL', KEYS[1])
redis.call('DEL', KEYS[1])
for _, entry in ipairs(entries) do
  local event = packed[entry[1]]
  if event and entry[2][1] == 'e' then
    redis.call('XADD', KEYS[1], entry[1], 'z', event)
    replaced = replaced + 1
  else
    redis.call('XADD', KEYS[1], entry[1], unpack(entry[2]))
  end
end
if ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) end
return replaced
