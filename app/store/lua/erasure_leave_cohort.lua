-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: cohort. ARGV: student, 1 to count only, now. Answers 1 when the student was in it. Whoever
-- is about to write the whole roster finds the tombstone when he links it.
local students = redis.call('HGET', KEYS[1], 'students') or ''
if not students:find(ARGV[1], 1, true) then return 0 end
local kept, found = {}, 0
for id in students:gmatch('%S+') do
  if id == ARGV[1] then found = 1 else kept[#kept + 1] = id end
end
if found == 1 and ARGV[2] ~= '1' then
  redis.call('HDEL', KEYS[1], 'students')
  redis.call('HSET', KEYS[1], 'students', table.concat(kept, ' '),
             'student_count', #kept, 'updated_at', ARGV[3])
end
return found
