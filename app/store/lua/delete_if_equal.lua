-- SPDX-License-Identifier: GPL-3.0-or-later
-- Deletes a key if it has the given value: a lock or a lease is released by its owner alone.
-- KEYS[1]  any string key
-- ARGV[1]  value
-- Returns  1 deleted; 0 the value is another, or there is none
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
