-- SPDX-License-Identifier: GPL-3.0-or-later
-- For scripts that append an audit record together with the change that it records.
--   audit_whom(at, seed, how)   the pseudonym of the student whose pseudonym, tombstone and profile
--                               are KEYS[at], KEYS[at + 1] and KEYS[at + 2]. seed: new for each run
--                               of the script; the pseudonym of a student without one is made from it.
--                               how: 'w' the student has just been written, 'r' a caller with the
--                               right to read asked, 'x' a caller without it. An erased student gets
--                               a pseudonym that is not stored; 'x' and unknown: '', nothing is stored.
--   audit_add(stream, at, whom) appends the record whose texts are ARGV[at] to ARGV[at + 7].
--                               whom: its pseudonym, '' for none.
local function audit_whom(at, seed, how)
  local known
  if how == 'w' then known = redis.call('GETEX', KEYS[at], 'PERSIST')
  else known = redis.call('GET', KEYS[at]) end
  if known then return known end
  local fresh = redis.sha1hex(seed .. KEYS[at]):sub(1, 32)
  if redis.call('EXISTS', KEYS[at + 1]) == 1 then return fresh end
  if how == 'w' or redis.call('EXISTS', KEYS[at + 2]) == 1 then
    redis.call('SET', KEYS[at], fresh)
  elseif how == 'x' then return ''
  else redis.call('SET', KEYS[at], fresh, 'PX', 34560000000) end
  return fresh
end
local function audit_add(stream, at, whom)
  local actor = ARGV[at]
  if actor == '=' then actor = 'student:' .. whom end
  redis.call('XADD', stream, '*', 'a', actor, 'r', ARGV[at + 1], 't', ARGV[at + 2],
             'o', ARGV[at + 3], 'w', whom, 's', ARGV[at + 4], 'c', ARGV[at + 5],
             'd', ARGV[at + 6], 'n', ARGV[at + 7])
end
