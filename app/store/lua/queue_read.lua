-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reads new jobs: first the share of each priority, then the remaining room from the highest
-- priority down. Creates the consumer group where it does not exist.
-- KEYS[1]  high
-- KEYS[2]  normal
-- KEYS[3]  low
-- ARGV[1]  consumer group
-- ARGV[2]  worker
-- ARGV[3]  how many jobs at most
-- ARGV[4...6]  share of each priority
-- Returns  a list of {priority from 0, id, fields, deliveries}
local jobs, room = {}, tonumber(ARGV[3])
-- A stream of another type is an error of its own priority only.
local function read_group(level, count)
  return redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', count,
                     'STREAMS', KEYS[level], '>')
end
local function read_jobs(level, count)
  if count <= 0 then return end
  local streams = read_group(level, count)
  if streams and streams.err then
    redis.pcall('XGROUP', 'CREATE', KEYS[level], ARGV[1], '0', 'MKSTREAM')
    streams = read_group(level, count)
  end
  for _, entry in ipairs(streams and streams[1] and streams[1][2] or {}) do
    jobs[#jobs + 1] = {level - 1, entry[1], entry[2], 1}
    room = room - 1
  end
end
for level = 1, 3 do read_jobs(level, math.min(room, tonumber(ARGV[3 + level]))) end
for level = 1, 3 do read_jobs(level, room) end
return jobs
