-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: tombstone, journal, outbox, audit, the student's recommendation token, then the keys to go,
-- group by group. ARGV: student, 1 to count only, the token that there should be, the audit record,
-- of journal and outbox the last entry seen before and 1 when some were removed before, then how
-- many keys each group has. Answers 0 when there is another token by now; else how many
-- keys of each group there were, and how many entries of journal and outbox. An entry is the
-- student's when it says so as JSON, or cannot be read and holds the id in quotes.
-- include lib/stream_rebuild.lua
local student, dry = ARGV[1], ARGV[2] == '1'
local own = redis.call('GET', KEYS[5]) or ''
if own:match('^%x*') ~= ARGV[3] then return 0 end
local was, counts, at = redis.call('GET', KEYS[1]), {}, 6
for group = 16, #ARGV do
  local n, last = 0, at + tonumber(ARGV[group]) - 1
  for i = at, last do n = n + redis.call(dry and 'EXISTS' or 'DEL', KEYS[i]) end
  at = last + 1
  counts[#counts + 1] = n
end
if not dry then redis.call('SET', KEYS[1], 'erasing') end
local function concerns(text)
  if not text:find('"' .. student .. '"', 1, true) then return false end
  local good, entry = pcall(cjson.decode, text)
  if not good or type(entry) ~= 'table' then return true end
  return entry.student_id == student or entry.subject == student
end
local function sweep(key, seen, removed)
  local n, from = 0, seen == '' and '-' or '(' .. seen
  repeat
    local page = redis.call('XRANGE', key, from, '+', 'COUNT', 1000)
    for _, entry in ipairs(page) do
      from = '(' .. entry[1]
      if concerns(entry[2][2]) then
        n = n + 1
        if not dry then redis.call('XDEL', key, entry[1]) end
      end
    end
  until #page < 1000
  if (n > 0 or removed == '1') and not dry then make_anew(key) end
  return n
end
counts[#counts + 1] = sweep(KEYS[2], ARGV[12], ARGV[13])
counts[#counts + 1] = sweep(KEYS[3], ARGV[14], ARGV[15])
if not dry and not was then
  redis.call('XADD', KEYS[4], '*', 'a', ARGV[4], 'r', ARGV[5], 't', ARGV[6], 'o', ARGV[7],
             'w', '', 's', ARGV[8], 'c', ARGV[9], 'd', ARGV[10], 'n', ARGV[11])
end
return counts
