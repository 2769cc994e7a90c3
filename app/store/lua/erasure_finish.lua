-- SPDX-License-Identifier: GPL-3.0-or-later
-- Ends an erasure. The list of idempotency records was needed until they were deleted.
-- KEYS[1]  the student's list of idempotency records
-- KEYS[2]  tombstone
-- ARGV[1]  how long the tombstone stays (s)
-- Returns  1
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], 'erased', 'EX', ARGV[1])
return 1
