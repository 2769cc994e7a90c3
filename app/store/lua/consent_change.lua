-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: profile, tombstone, consents, journal. ARGV: the kind's name and letter, 1 granted or 0,
-- 1 when there must be a decision already, time, who, the journal's entry. Answers the line of the
-- decision that holds now, 0 when there is nothing to withdraw, -1 when the student is erased. The
-- same decision again makes no new one.
local kind, letter, granted = ARGV[1], ARGV[2], ARGV[3]
local text = redis.call('HGET', KEYS[3], kind) or ''
local last = text:match('([^\n]+)\n$')
if ARGV[4] == '1' and not ('\n' .. text):match('\n%d+ 1 ') then return 0 end
if last and last:match('^%d+ ([01])') == granted then return last end
if redis.call('HEXISTS', KEYS[1], 's') == 0 and redis.call('EXISTS', KEYS[2]) == 1 then
  return -1
end
local version = last and tonumber(last:match('^%d+')) + 1 or 1
local line = table.concat({('%d'):format(version), granted, ARGV[5], ARGV[6]}, ' ')
local _, lines = text:gsub('\n', '')
if lines >= 200 then text = text:gsub('^[^\n]*\n', '', 1) end
redis.call('HSET', KEYS[3], kind, text .. line .. '\n')
local c = (redis.call('HGET', KEYS[1], 'c') or ''):gsub(letter, '')
if granted == '0' then c = c .. letter end
if c == '' then redis.call('HDEL', KEYS[1], 'c')
else redis.call('HSET', KEYS[1], 'c', c) end
redis.call('XADD', KEYS[4], '*', 'e', ARGV[7])
return line
