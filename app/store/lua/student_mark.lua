-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reads the mark of an event.
-- KEYS[1]  marks of counted events
-- KEYS[2]  marks in the form of 0.1.0; absent: there are none
-- ARGV[1]  id of the event
-- ARGV[2]  a record with the digest of the id
-- Returns  'DAY MARK'; nil: the event was not counted
-- include lib/marks.lua
return marks_find(redis.call('HGET', KEYS[1], marks_bucket(ARGV[2])), ARGV[2])
  or KEYS[2] and redis.call('HGET', KEYS[2], ARGV[1])
