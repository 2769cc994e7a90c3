-- SPDX-License-Identifier: GPL-3.0-or-later
-- Moves marks of 0.1.0 to the buckets. A mark that has changed since it was read is left alone.
-- KEYS[1]  marks of counted events
-- KEYS[2]  marks in the form of 0.1.0
-- ARGV[1...]  per mark: id of the event, the mark as it is stored, its record (lib/marks.lua)
-- Returns  how many marks were moved
-- include lib/marks.lua
local buckets, moved = {}, 0
for i = 1, #ARGV, 3 do
  local record = ARGV[i + 2]
  local field = marks_bucket(record)
  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then
    local bucket = buckets[field] or redis.call('HGET', KEYS[1], field) or ''
    buckets[field] = marks_find(bucket, record) and bucket or bucket .. record
    redis.call('HDEL', KEYS[2], ARGV[i])
    moved = moved + 1
  end
end
for field, bucket in pairs(buckets) do redis.call('HSET', KEYS[1], field, bucket) end
return moved
