-- SPDX-License-Identifier: GPL-3.0-or-later
-- Reads a page of a batch's results in the order of the request.
-- KEYS[1]  state
-- KEYS[2]  students
-- KEYS[3]  results
-- ARGV[1]  offset
-- ARGV[2]  limit
-- Returns  the number of all results, then student and result of each one on the page; nil: there is
--          no such batch
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local offset, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local total, count = redis.call('HLEN', KEYS[3]), 0
local page = {total}
if offset >= total then return page end
for _, student in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local result = redis.call('HGET', KEYS[3], student)
  if result then
    count = count + 1
    if count > offset then
      page[#page + 1] = student
      page[#page + 1] = result
      if count == offset + limit then break end
    end
  end
end
return page
