-- SPDX-License-Identifier: GPL-3.0-or-later
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local students, items, step = {}, {}, tonumber(ARGV[2])
for i = 15, #ARGV, step do
  students[#students + 1] = #students / 2
  students[#students + 1] = ARGV[i]
  if step == 2 then
    items[#items + 1] = ARGV[i]
    items[#items + 1] = ARGV[i + 1]
  end
end
local function put(command, key, list)
  for i = 1, #list, 1000 do
    redis.call(command, key, unpack(list, i, math.min(i + 999, #list)))
  end
end
put('ZADD', KEYS[2], students)
put('HSET', KEYS[3], items)
redis.call('HSET', KEYS[1], 'status', 'pending', 'total', #students / 2, 'processed', 0,
           'failed', 0, unpack(ARGV, 3, 14))
for i = 1, 3 do redis.call('EXPIREAT', KEYS[i], ARGV[1]) end
return 1
