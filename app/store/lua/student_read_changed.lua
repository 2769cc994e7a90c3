-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reads a student's profile, and the snapshots unless the state is the one that the caller knows. The
-- keys of the snapshots are made here, in the slot of the profile, since 90 of them in KEYS would cost
-- more than all the rest.
-- KEYS[1]  profile
-- ARGV[1]  stamp: the last bytes of the packed state that the caller knows
-- ARGV[2]  the beginning of the snapshots' keys
-- ARGV[3]  their days, of 8 digits each
-- Returns  {state, topics, consents}, each nil if there is none, and the list of the snapshots; nil
--          instead of the list: the state is known
local profile, stamp = redis.call('HMGET', KEYS[1], 's', 't', 'c'), ARGV[1]
if profile[1] and string.sub(profile[1], -#stamp) == stamp then return {profile, false} end
local snapshots = {}
for day in string.gmatch(ARGV[3], '%d%d%d%d%d%d%d%d') do
  snapshots[#snapshots + 1] = ARGV[2] .. day
end
return {profile, redis.call('MGET', unpack(snapshots))}
