-- SPDX-License-Identifier: GPL-3.0-or-later
-- What the peers let Redis run for a calculate: writes only if the state is still the one that was
-- read. KEYS: student, day, journal. ARGV: state read ("" for none), result, state, day, entry.
if (redis.call('HGET', KEYS[1], 's') or '') ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'm', ARGV[2], 's', ARGV[3])
redis.call('SET', KEYS[2], ARGV[4], 'EX', 7776000)
redis.call('XADD', KEYS[3], '*', 'e', ARGV[5])
return 1
