-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reads a student's days.
-- KEYS[1]  profile
-- KEYS[2]  closed days
-- KEYS[3...]  keys of days in the form of 0.1.0, one per day; absent: there are none
-- Returns  the state of the profile, the text of the closed days, then the state under each of the
--          keys; nil for what does not exist
local reply = {redis.call('HGET', KEYS[1], 's'), redis.call('GET', KEYS[2])}
if KEYS[3] then
  for _, state in ipairs(redis.call('MGET', unpack(KEYS, 3))) do reply[#reply + 1] = state end
end
return reply
