-- SPDX-License-Identifier: GPL-3.0-or-later
-- The marks of a student's counted events: a hash of 16 buckets, by the first byte of the digest. A
-- bucket is a text of records: 8 bytes of the digest of the event's id, the event's day (days since
-- the epoch, two little-endian bytes), a byte with the length of the mark, the mark
-- (app/store/student_marks.h). So a mark takes a few bytes, and a write changes one bucket.
--   marks_bucket(record)        the field of the record's bucket
--   marks_each(bucket, found)   calls found(digest, day, mark, record) for each record
--   marks_find(bucket, record)  'DAY MARK' of the record with the same digest; false: there is none
local MARK_HEADER = 11
local function marks_bucket(record) return record:byte(1) % 16 end
local function marks_each(bucket, found)
  local at = 1
  while at <= #bucket do
    local after = at + MARK_HEADER + bucket:byte(at + MARK_HEADER - 1)
    found(bucket:sub(at, at + 7), struct.unpack('<I2', bucket, at + 8),
          bucket:sub(at + MARK_HEADER, after - 1), bucket:sub(at, after - 1))
    at = after
  end
end
local function marks_find(bucket, record)
  local digest, known = record:sub(1, 8), false
  if not bucket or not bucket:find(digest, 1, true) then return false end
  marks_each(bucket, function(found, day, mark)
    if found == digest then known = day .. ' ' .. mark end
  end)
  return known
end
