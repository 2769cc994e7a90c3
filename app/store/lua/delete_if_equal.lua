-- SPDX-License-Identifier: GPL-3.0-or-later
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
