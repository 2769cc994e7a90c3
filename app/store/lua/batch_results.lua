-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: job, students, results. ARGV: offset, limit. Answers the number of results, then student
-- and result of each on the page; nil when the batch is not there.
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
local offset, limit = tonumber(ARGV[1]), tonumber(ARGV[2])
local total, at = redis.call('HLEN', KEYS[3]), 0
local page = {total}
if offset >= total then return page end
for _, student in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local result = redis.call('HGET', KEYS[3], student)
  if result then
    at = at + 1
    if at > offset then
      page[#page + 1] = student
      page[#page + 1] = result
      if at == offset + limit then break end
    end
  end
end
return page
