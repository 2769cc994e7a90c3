-- SPDX-License-Identifier: GPL-3.0-or-later
-- For scripts that append an audit record in the same step as the change that it records.
--   audit_pseudonym(first, seed, access)   the pseudonym of the student whose pseudonym, tombstone
--       and profile are KEYS[first], KEYS[first + 1], KEYS[first + 2]. seed: random, new for each
--       run of the script; a new pseudonym is made from it. access: 'w' the student has just been
--       written, 'r' a caller with the right to read asked, 'x' a caller without it. An erased
--       student gets a pseudonym that is not stored. With 'x' an unknown student gets '' and
--       nothing is stored, so that a caller without rights cannot fill the memory.
--   audit_add(stream, first, pseudonym)    appends the record whose texts are ARGV[first] to
--       ARGV[first + 7]. pseudonym: of the student that it is about, '' for none.
--   audit_field(first, pseudonym)          the field that counts accesses like this record, of which
--       it has all texts but the request and the count
local function audit_pseudonym(first, seed, access)
  local known
  if access == 'w' then known = redis.call('GETEX', KEYS[first], 'PERSIST')
  else known = redis.call('GET', KEYS[first]) end
  if known then return known end
  local new = redis.sha1hex(seed .. KEYS[first]):sub(1, 16)
  if redis.call('EXISTS', KEYS[first + 1]) == 1 then return new end
  if access == 'w' or redis.call('EXISTS', KEYS[first + 2]) == 1 then
    redis.call('SET', KEYS[first], new)
  elseif access == 'x' then return ''
  else redis.call('SET', KEYS[first], new, 'PX', 34560000000) end
  return new
end
local function audit_add(stream, first, pseudonym)
  local actor = ARGV[first]
  if actor == '=' then actor = 'student:' .. pseudonym end
  redis.call('XADD', stream, '*', 'a', actor, 'r', ARGV[first + 1], 't', ARGV[first + 2],
             'o', ARGV[first + 3], 'w', pseudonym, 's', ARGV[first + 4], 'c', ARGV[first + 5],
             'd', ARGV[first + 6], 'n', ARGV[first + 7])
end
local function audit_field(first, pseudonym)
  return table.concat({pseudonym, ARGV[first], ARGV[first + 1], ARGV[first + 2], ARGV[first + 3],
                       ARGV[first + 4], ARGV[first + 6]}, '\n')
end
