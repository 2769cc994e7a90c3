-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: high, normal, low. ARGV: group, worker.
for level = 1, 3 do
  local p = redis.pcall('XPENDING', KEYS[level], ARGV[1], '-', '+', 1, ARGV[2])
  if not p.err and not p[1] then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[level], ARGV[1], ARGV[2])
  end
end
return 1
