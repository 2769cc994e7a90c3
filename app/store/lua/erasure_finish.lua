-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: list of idempotency records, tombstone. ARGV: how long the tombstone stays (s).
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], 'erased', 'EX', ARGV[1])
return 1
