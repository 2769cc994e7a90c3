-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reads a student's profile, and the days unless the state is the one that the caller knows. The keys
-- of days in the form of 0.1.0 are made here, in the slot of the profile, since 90 of them in KEYS
-- would cost more than all the rest.
-- KEYS[1]  profile
-- KEYS[2]  closed days
-- ARGV[1]  stamp: the last bytes of the packed state that the caller knows
-- ARGV[2]  the beginning of the keys of days in the form of 0.1.0
-- ARGV[3]  their days, of 8 digits each; '': there are none
-- Returns  {state, topics, consents}, each nil if there is none, and the days as student_days returns
--          them; nil instead of the days: the state is known
local profile, stamp = redis.call('HMGET', KEYS[1], 's', 't', 'c'), ARGV[1]
if profile[1] and string.sub(profile[1], -#stamp) == stamp then return {profile, false} end
local days, keys = {profile[1], redis.call('GET', KEYS[2])}, {}
for day in string.gmatch(ARGV[3], '%d%d%d%d%d%d%d%d') do keys[#keys + 1] = ARGV[2] .. day end
if keys[1] then
  for _, state in ipairs(redis.call('MGET', unpack(keys))) do days[#days + 1] = state end
end
return {profile, days}
