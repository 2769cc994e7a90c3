-- SPDX-License-Identifier: GPL-3.0-or-later
-- Finds a segment of the audit log without reading it.
-- KEYS[1]  segments
-- ARGV[1]  an id: the segment with a record of this id, or else of an earlier one; '': the latest
-- Returns  the segment's id ('': there is none), and how many records all segments have
local function edge(command, from, to)
  return redis.call(command, KEYS[1], from, to, 'COUNT', 1)[1]
end
local first, latest = edge('XRANGE', '-', '+'), edge('XREVRANGE', '+', '-')
if not latest then return {'', 0} end
local found = ARGV[1] ~= '' and edge('XRANGE', ARGV[1], '+') or latest
return {found[1], latest[2][8] - first[2][8] + first[2][6]}
