-- SPDX-License-Identifier: GPL-3.0-or-later
-- Saves a prediction, unless the student was erased or withdrew consent after the caller had read
-- the state. Two processes may make the same prediction at the same time, or one may repeat it after
-- a lost reply: the stream has it once, or it would count twice in the accuracy.
-- KEYS[1]  profile
-- KEYS[2]  stream of predictions
-- KEYS[3]  latest prediction of each kind
-- KEYS[4]  days on which records of students are too old (app/store/retention.h); absent: not kept,
--          because versions that do not know it use the store
-- ARGV[1]  the oldest prediction to keep (epoch ms)
-- ARGV[2]  how long the stream lives (s)
-- ARGV[3]  how long the latest predictions live (s)
-- ARGV[4]  kind
-- ARGV[5]  text of the latest prediction of that kind; its first line says from what it was made
-- ARGV[6...]  names and values of the stream entry's fields
-- Returns  1 saved; 0 not
-- include lib/retention_day.lua
-- include lib/retention.lua
local profile = redis.call('HMGET', KEYS[1], 's', 'c')
if not profile[1] or (profile[2] and profile[2]:find('[pa]')) then return 0 end
local latest = redis.call('HGET', KEYS[3], ARGV[4])
if KEYS[4] then redis.call('ZCARD', KEYS[4]) end -- before a write: a list of another type is an error
if not latest or latest:match('[^\n]*') ~= ARGV[5]:match('[^\n]*') then
  local id = redis.call('XADD', KEYS[2], 'MINID', '~', ARGV[1], '*', unpack(ARGV, 6))
  if KEYS[4] then
    retention_add(KEYS[4], KEYS[2], ':predictions', retention_day(id) + RETENTION_DAYS)
  end
  redis.call('EXPIRE', KEYS[2], ARGV[2])
end
redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
redis.call('EXPIRE', KEYS[3], ARGV[3])
return 1
