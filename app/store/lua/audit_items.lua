-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: audit, reads, then pseudonym, tombstone and profile of each item's student. ARGV: a seed,
-- then for each item: its way (n at once, x refused), the place in KEYS of its student's (0: none),
-- the minute, and the record's texts.
-- include lib/audit_record.lua
for i = 2, #ARGV, 11 do
  local place, at, whom = tonumber(ARGV[i + 1]), i + 3, ''
  if place > 0 then
    whom = audit_whom(place, ARGV[1], ARGV[at + 4] == '0' and 'x' or 'r')
  end
  local field, kept
  if ARGV[i] == 'x' then
    field = table.concat({whom, ARGV[i + 2], ARGV[at], ARGV[at + 1],
      ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 6]}, '\n')
    kept = redis.call('HGET', KEYS[2], field)
  end
  if kept then
    local before, id = string.match(kept, '^(%d+) (.*)$')
    local n = tonumber(ARGV[at + 7]) + (tonumber(before) or 0)
    redis.call('HSET', KEYS[2], field, n .. ' ' .. (id or ARGV[at + 5]))
  else
    audit_add(KEYS[1], at, whom)
    if field then redis.call('HSET', KEYS[2], field, '0 ' .. ARGV[at + 5]) end
  end
end
return 1
