-- SPDX-License-Identifier: GPL-3.0-or-later
-- now_ms()   the time of Redis (epoch ms), the same for all processes whatever their own clocks say
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
