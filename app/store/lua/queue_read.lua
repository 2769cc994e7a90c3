-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: high, normal, low. ARGV: group, worker, room, then how many of each level come first.
-- Answers jobs: level, id, fields, deliveries.
local jobs, room = {}, tonumber(ARGV[3])
local function read(level, count)
  return redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', count,
                     'STREAMS', KEYS[level], '>')
end
local function take(level, count)
  if count <= 0 then return end
  local r = read(level, count)
  if r and r.err then
    redis.call('XGROUP', 'CREATE', KEYS[level], ARGV[1], '0', 'MKSTREAM')
    r = read(level, count)
  end
  for _, e in ipairs(r and r[1] and r[1][2] or {}) do
    jobs[#jobs + 1] = {level - 1, e[1], e[2], 1}
    room = room - 1
  end
end
for level = 1, 3 do take(level, math.min(room, tonumber(ARGV[3 + level]))) end
for level = 1, 3 do take(level, room) end
return jobs
