-- SPDX-License-Identifier: GPL-3.0-or-later
-- The script with which the peers write the result of a calculate: only if the student's state is still
-- the one that they read, otherwise it returns 0. KEYS: student, day, journal. ARGV: state that was read
-- ("" for none), new result, new state, new day, journal entry.
if (redis.call('HGET', KEYS[1], 's') or '') ~= ARGV[1] then
    return 0
end
redis.call('HSET', KEYS[1], 'm', ARGV[2], 's', ARGV[3])
redis.call('SET', KEYS[2], ARGV[4], 'EX', 7776000)
redis.call('XADD', KEYS[3], '*', 'e', ARGV[5])
return 1
