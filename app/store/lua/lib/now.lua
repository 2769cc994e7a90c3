-- SPDX-License-Identifier: GPL-3.0-or-later
-- now_ms()   the time of Redis (epoch ms), which does not depend on the clock of any process
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
