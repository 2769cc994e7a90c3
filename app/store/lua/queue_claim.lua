-- SPDX-License-Identifier: GPL-3.0-or-later
-- Claims jobs of workers that died. XAUTOCLAIM drops pending ids whose entries are deleted. Names
-- of consumers without jobs that were idle for an hour are removed from the group.
-- KEYS[1]  high
-- KEYS[2]  normal
-- KEYS[3]  low
-- ARGV[1]  consumer group
-- ARGV[2]  worker
-- ARGV[3]  how many jobs at most
-- ARGV[4]  a job is claimed when it was not renewed for this long (ms)
-- Returns  a list of {priority from 0, id, fields, deliveries}
local jobs, room = {}, tonumber(ARGV[3])
for level = 1, 3 do
  local cursor, key = '0-0', KEYS[level]
  repeat
    if room <= 0 then return jobs end
    local claimed = redis.pcall('XAUTOCLAIM', key, ARGV[1], ARGV[2], ARGV[4], cursor, 'COUNT', room)
    if claimed.err then break end
    for _, entry in ipairs(claimed[2]) do
      local pending = redis.call('XPENDING', key, ARGV[1], entry[1], entry[1], 1)
      jobs[#jobs + 1] = {level - 1, entry[1], entry[2], pending[1][4]}
      room = room - 1
    end
    cursor = claimed[1]
  until cursor == '0-0'
  local consumers = redis.pcall('XINFO', 'CONSUMERS', key, ARGV[1])
  for _, consumer in ipairs(consumers.err and {} or consumers) do
    local name, pending, idle_ms = consumer[2], consumer[4], consumer[6]
    if pending == 0 and idle_ms > 3600000 then
      redis.call('XGROUP', 'DELCONSUMER', key, ARGV[1], name)
    end
  end
end
return jobs
