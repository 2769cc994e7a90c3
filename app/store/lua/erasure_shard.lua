-- SPDX-License-Identifier: GPL-3.0-or-later
-- Erases all that the student's shard has of a student and sets the tombstone. An entry of journal
-- or outbox belongs to the student if it says so as JSON, or if it is no JSON and has the id in
-- quotes. UNLINK frees the memory of a large record in another thread.
-- KEYS[1]  tombstone
-- KEYS[2]  journal
-- KEYS[3]  outbox
-- KEYS[4]  audit log
-- KEYS[5]  the student's recommendation token
-- KEYS[6...]  the keys to delete, group by group
-- ARGV[1]  student
-- ARGV[2]  1 dry run: counts, changes nothing
-- ARGV[3]  the token that KEYS[5] must begin with ('': none): one of the keys to delete names it
-- ARGV[4...11]  the audit record: actor, role, action, resource, success, request, details, count
-- ARGV[12] last journal entry that an earlier run has searched; '': none
-- ARGV[13] 1 an earlier run has deleted journal entries
-- ARGV[14] the same as ARGV[12] for the outbox
-- ARGV[15] the same as ARGV[13] for the outbox
-- ARGV[16...]  how many keys each group has
-- Returns  how many keys of each group existed, then how many entries of journal and outbox were
--          the student's; 0 the token is another one
-- include lib/stream_rebuild.lua
local student, dry_run = ARGV[1], ARGV[2] == '1'
local token = redis.call('GET', KEYS[5]) or ''
if token:match('^%x*') ~= ARGV[3] then return 0 end
local tombstone, counts, first = redis.call('GET', KEYS[1]), {}, 6
for group = 16, #ARGV do
  local count, last = 0, first + tonumber(ARGV[group]) - 1
  for i = first, last do
    count = count + redis.call(dry_run and 'EXISTS' or 'UNLINK', KEYS[i])
  end
  first = last + 1
  counts[#counts + 1] = count
end
if not dry_run then redis.call('SET', KEYS[1], 'erasing') end
local function belongs_to_student(text)
  if not text:find('"' .. student .. '"', 1, true) then return false end
  local ok, entry = pcall(cjson.decode, text)
  if not ok or type(entry) ~= 'table' then return true end
  return entry.student_id == student or entry.subject == student
end
local function delete_entries(key, searched, deleted)
  local count, from = 0, searched == '' and '-' or '(' .. searched
  repeat
    local page = redis.call('XRANGE', key, from, '+', 'COUNT', 100)
    for _, entry in ipairs(page) do
      from = '(' .. entry[1]
      if belongs_to_student(entry[2][2]) then
        count = count + 1
        if not dry_run then redis.call('XDEL', key, entry[1]) end
      end
    end
  until #page < 100
  if (count > 0 or deleted == '1') and not dry_run then stream_rebuild(key) end
  return count
end
counts[#counts + 1] = delete_entries(KEYS[2], ARGV[12], ARGV[13])
counts[#counts + 1] = delete_entries(KEYS[3], ARGV[14], ARGV[15])
if not dry_run and not tombstone then
  redis.call('XADD', KEYS[4], '*', 'a', ARGV[4], 'r', ARGV[5], 't', ARGV[6], 'o', ARGV[7],
             'w', '', 's', ARGV[8], 'c', ARGV[9], 'd', ARGV[10], 'n', ARGV[11])
end
return counts
