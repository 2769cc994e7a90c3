-- SPDX-License-Identifier: GPL-3.0-or-later
-- The index of audit segments by student: the ids of the segments with records of the student, in
-- ascending order, 9 bytes each: 6 of the time (ms), 3 of the number, big-endian
-- (app/store/audit_index.h).
--   audit_index_add(key, id, days)   adds the segment `id`, and lets the index live as long as the
--       segment, which is kept for `days`. Removes the segments that are too old when the first one
--       has been so for INDEX_SLACK_DAYS, since that writes the whole text. A text that ends with a
--       part of an entry loses it, or later entries could not be read.
local INDEX_ENTRY, INDEX_NUMBER_MAX, INDEX_SLACK_DAYS = 9, 16777215, 30
local function audit_index_add(key, id, days)
  local ms, number = id:match('^(%d+)%-(%d+)$')
  local oldest = math.max(0, ms - days * 86400000)
  local entry = struct.pack('>I6', ms) .. struct.pack('>I3', math.min(number, INDEX_NUMBER_MAX))
  local size, first = redis.call('STRLEN', key), redis.call('GETRANGE', key, 0, INDEX_ENTRY - 1)
  local slack = INDEX_SLACK_DAYS * 86400000
  if size % INDEX_ENTRY > 0
    or #first == INDEX_ENTRY and struct.unpack('>I6', first) + slack < oldest then
    local text, at = redis.call('GETRANGE', key, 0, size - size % INDEX_ENTRY - 1), 1
    if size < INDEX_ENTRY then text = '' end -- the range 0 to -1 is the whole text
    while at < #text and struct.unpack('>I6', text, at) < oldest do at = at + INDEX_ENTRY end
    redis.call('SET', key, text:sub(at))
  end
  redis.call('APPEND', key, entry)
  redis.call('EXPIRE', key, (days + INDEX_SLACK_DAYS) * 86400)
end
