-- SPDX-License-Identifier: GPL-3.0-or-later
-- Ends an erasure. The indexes were needed until the records that they name were deleted.
-- KEYS[1]  tombstone
-- KEYS[2...]  the student's indexes of records elsewhere
-- ARGV[1]  how long the tombstone stays (s)
-- Returns  1
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('SET', KEYS[1], 'erased', 'EX', ARGV[1])
return 1
