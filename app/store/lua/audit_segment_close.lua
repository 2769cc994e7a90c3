-- SPDX-License-Identifier: GPL-3.0-or-later
-- Closes a segment of the audit log: appends it, and removes its records and counts from what is
-- open. A count that has grown since the caller has read it keeps the difference. HDEL of nothing is
-- the first write, and needs no memory, so that the others work when Redis is full (hazards R2). The
-- segment is added before anything is removed, and the types of all keys are known before: an error
-- then neither loses records nor leaves them in a segment and open.
-- KEYS[1]  lease
-- KEYS[2]  records of the open segment
-- KEYS[3]  counts of the open segment
-- KEYS[4]  segments
-- KEYS[5...]  the indexes of the students that the records are about or who are their actors
-- ARGV[1]  holder of the lease
-- ARGV[2]  the head that the latest segment must have; '': there must be none
-- ARGV[3]  id of the new segment
-- ARGV[4]  the packed records
-- ARGV[5]  its head
-- ARGV[6]  number of its records
-- ARGV[7]  number of records of this and all earlier segments
-- ARGV[8]  how many days the segment is kept
-- ARGV[9]  how many ids follow
-- ARGV[10...]  the ids of the oldest records of KEYS[2], in order; then for each count its field and
--          the value as the caller has read it
-- Returns  1 closed; 0 another head, or what is open is not what the caller has read; -1 the lease
--          is not the holder's
-- include lib/audit_index.lua
-- include lib/now.lua
-- REST_NUMBER: above the numbers in the ids of other counts (lib/audit_count.lua)
local FIRST, REST_NUMBER = 10, 16384
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return -1 end
local latest = redis.call('XREVRANGE', KEYS[4], '+', '-', 'COUNT', 1)[1]
if (latest and latest[2][4] or '') ~= ARGV[2] then return 0 end
local ids = tonumber(ARGV[9])
local records = ids > 0 and redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ids) or {}
for i = 1, ids do
  if not records[i] or records[i][1] ~= ARGV[FIRST - 1 + i] then return 0 end
end
local form, rest = '^(%d+) (%d+%-%d+) (%d+)$', {}
for i = FIRST + ids, #ARGV, 2 do
  local value, read = redis.call('HGET', KEYS[3], ARGV[i]), ARGV[i + 1]
  if not value then return 0 end
  if value ~= read then
    local count, _, last = value:match(form)
    local closed = tonumber((read:match(form)))
    if not count or not closed or tonumber(count) <= closed then return 0 end
    rest[ARGV[i]] = table.concat({count - closed, now_ms() .. '-' .. (REST_NUMBER + i), last}, ' ')
  end
end
for i = 5, #KEYS do redis.call('STRLEN', KEYS[i]) end
redis.call('HDEL', KEYS[3], '')
redis.call('XADD', KEYS[4], ARGV[3], 'z', ARGV[4], 'h', ARGV[5], 'n', ARGV[6], 'c', ARGV[7])
for i = 5, #KEYS do audit_index_add(KEYS[i], ARGV[3], ARGV[8]) end
for i = 1, ids do redis.call('XDEL', KEYS[2], ARGV[FIRST - 1 + i]) end
for i = FIRST + ids, #ARGV, 2 do
  if rest[ARGV[i]] then redis.call('HSET', KEYS[3], ARGV[i], rest[ARGV[i]])
  else redis.call('HDEL', KEYS[3], ARGV[i]) end
end
return 1
