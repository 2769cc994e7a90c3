-- SPDX-License-Identifier: GPL-3.0-or-later
-- Records a decision on consent. Repeating the latest decision adds none. The tombstone matters
-- only for a student without a state: erasing deletes the profile. A consent to data processing
-- deletes it, when the erasure is complete. The journal comes before the other writes, as in
-- student_change.lua: all or nothing.
-- KEYS[1]  profile
-- KEYS[2]  tombstone
-- KEYS[3]  consents: per kind a text with a line 'VERSION GRANTED AT_MS ACTOR' per decision
-- KEYS[4]  journal
-- ARGV[1]  kind
-- ARGV[2]  letter of the kind ('p': data processing), listed in the profile while consent is
--          withdrawn
-- ARGV[3]  1 granted; 0 withdrawn
-- ARGV[4]  1 only if consent was granted before
-- ARGV[5]  now (epoch ms)
-- ARGV[6]  actor
-- ARGV[7]  journal entry
-- Returns  the line of the decision in force; 0 there is nothing to withdraw; -1 the student is
--          erased
local kind, letter, granted = ARGV[1], ARGV[2], ARGV[3]
local text = redis.call('HGET', KEYS[3], kind) or ''
local last = text:match('([^\n]+)\n$')
if ARGV[4] == '1' and not ('\n' .. text):match('\n%d+ 1 ') then return 0 end
if last and last:match('^%d+ ([01])') == granted then return last end
local tombstone = redis.call('HEXISTS', KEYS[1], 's') == 0 and redis.call('GET', KEYS[2])
if tombstone and (letter ~= 'p' or granted == '0' or tombstone == 'erasing') then return -1 end
local version = last and tonumber(last:match('^%d+')) + 1 or 1
local line = table.concat({('%d'):format(version), granted, ARGV[5], ARGV[6]}, ' ')
local _, count = text:gsub('\n', '')
if count >= 200 then text = text:gsub('^[^\n]*\n', '', 1) end
redis.call('XADD', KEYS[4], '*', 'e', ARGV[7])
if tombstone then redis.call('DEL', KEYS[2]) end
redis.call('HSET', KEYS[3], kind, text .. line .. '\n')
local letters = (redis.call('HGET', KEYS[1], 'c') or ''):gsub(letter, '')
if granted == '0' then letters = letters .. letter end
if letters == '' then redis.call('HDEL', KEYS[1], 'c')
else redis.call('HSET', KEYS[1], 'c', letters) end
return line
