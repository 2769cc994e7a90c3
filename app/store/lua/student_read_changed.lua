-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reads a student's profile, and the snapshots unless the state is the one that the caller knows.
-- KEYS[1]  profile
-- KEYS[2...]  snapshots
-- ARGV[1]  stamp: the last bytes of the packed state that the caller knows
-- Returns  {state, topics, consents}, each nil if there is none, then the list of the snapshots; nil
--          instead of the list: the state is known
local profile, stamp = redis.call('HMGET', KEYS[1], 's', 't', 'c'), ARGV[1]
if profile[1] and string.sub(profile[1], -#stamp) == stamp then return {profile, false} end
return {profile, redis.call('MGET', unpack(KEYS, 2))}
