-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS and answer as above. ARGV: group, worker, room, idle ms. What is pending but deleted is
-- dropped from the pending list by XAUTOCLAIM itself. Names of workers that have long been gone are
-- taken out of the group on the way.
local jobs, room = {}, tonumber(ARGV[3])
for level = 1, 3 do
  local at, key = '0-0', KEYS[level]
  repeat
    if room <= 0 then return jobs end
    local r = redis.pcall('XAUTOCLAIM', key, ARGV[1], ARGV[2], ARGV[4], at, 'COUNT', room)
    if r.err then break end
    for _, e in ipairs(r[2]) do
      local p = redis.call('XPENDING', key, ARGV[1], e[1], e[1], 1)
      jobs[#jobs + 1] = {level - 1, e[1], e[2], p[1][4]}
      room = room - 1
    end
    at = r[1]
  until at == '0-0'
  local names = redis.pcall('XINFO', 'CONSUMERS', key, ARGV[1])
  for _, c in ipairs(names.err and {} or names) do
    if c[4] == 0 and c[6] > 3600000 then
      redis.call('XGROUP', 'DELCONSUMER', key, ARGV[1], c[2])
    end
  end
end
return jobs
