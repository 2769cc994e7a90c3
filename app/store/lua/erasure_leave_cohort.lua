-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes a student from a cohort's roster. A request that writes the whole roster meanwhile finds
-- the tombstone when it links the student (cohort_link_student). HDEL comes first because a script
-- that has freed memory may then write even if Redis is full (hazards R2).
-- KEYS[1]  cohort
-- ARGV[1]  student
-- ARGV[2]  1 dry run: changes nothing
-- ARGV[3]  now (epoch ms)
-- Returns  1 the student was in the roster; 0 not
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
