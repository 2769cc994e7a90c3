-- SPDX-License-Identifier: GPL-3.0-or-later
-- The index of audit segments by student: the ids of the segments with records of the student, in
-- ascending order, 9 bytes each: 6 of the time (ms), 3 of the number, big-endian
-- (app/store/audit_index.h).
--   audit_index_add(key, id, days)   adds the segment `id`, removes those that are older by more than
--       `days` than it, and lets the index live as long
local INDEX_ENTRY, INDEX_NUMBER_MAX = 9, 16777215
local function audit_index_add(key, id, days)
  local ms, number = id:match('^(%d+)%-(%d+)$')
  local oldest = math.max(0, ms - days * 86400000)
  local entry = struct.pack('>I6', ms) .. struct.pack('>I3', math.min(number, INDEX_NUMBER_MAX))
  local first = redis.call('GETRANGE', key, 0, INDEX_ENTRY - 1)
  if #first == INDEX_ENTRY and struct.unpack('>I6', first) < oldest then
    local text, at = redis.call('GET', key), 1
    while at < #text and struct.unpack('>I6', text, at) < oldest do at = at + INDEX_ENTRY end
    redis.call('SET', key, text:sub(at))
  end
  redis.call('APPEND', key, entry)
  redis.call('EXPIRE', key, days * 86400)
end
