-- SPDX-License-Identifier: GPL-3.0-or-later
-- Topics of a student, packed: a byte 1 (the version), then for each topic a byte with the length of
-- its id, the id, a byte with the set of components that it was observed in, and three little-endian
-- doubles: sum, weight and time (ms) of its evidence. app/store/topics.c reads and writes the same.
--   topics_merge(stored, added, now, latest)   the packed topics `stored` (false: none) with the
--       packed observations `added`. Times in `stored` that are after `latest` come from a clock that
--       was wrong, and count as `now`. Of more than TOPICS_MAX topics the most recently seen stay. A
--       stored text that is not in this form counts as none: the event must not be lost for it, and a
--       guess at what it meant would be shown as mastery.
-- This is evidence_add of app/domain/mastery.c once more, because it has to be computed here: the
-- writes of one process follow each other without waiting for replies (app/store/inflight.h), so the
-- caller does not know the topics that the write before this one leaves. tests/edge/test_topics.py
-- compares the two.
local TOPICS_MAX, TOPIC_FIXED_SIZE, HALF_LIFE_MS = 256, 26, 14 * 86400000
local function topic_is_valid(t)
  return t.sum >= 0 and t.weight > 0 and t.weight < math.huge and t.sum <= t.weight * (1 + 1e-9)
    and math.abs(t.at) < 2 ^ 53 and t.at == math.floor(t.at)
end
local function topics_unpack(packed)
  local topics, at = {}, 2
  if packed:byte(1) ~= 1 then return {} end
  while at <= #packed do
    local size, t = packed:byte(at), {}
    if size == 0 or at + TOPIC_FIXED_SIZE + size - 1 > #packed then return {} end
    t.id, t.components, t.sum, t.weight, t.at, at = struct.unpack('<Bc0Bddd', packed, at)
    if not topic_is_valid(t) then return {} end
    topics[#topics + 1] = t
  end
  return topics
end
local function topic_add(t, o)
  local old, new = t, o
  if o.at < t.at then old, new = o, t end
  local decay = 2 ^ ((old.at - new.at) / HALF_LIFE_MS)
  t.sum, t.weight, t.at = new.sum + old.sum * decay, new.weight + old.weight * decay, new.at
  t.components = bit.bor(t.components, o.components)
end
local function topic_is_later(a, b)
  if a.at ~= b.at then return a.at > b.at end
  return a.id < b.id
end
local function topics_merge(stored, added, now, latest)
  local topics, by_id, packed = topics_unpack(stored or ''), {}, {'\1'}
  for _, t in ipairs(topics) do
    if t.at > latest then t.at = now end
    by_id[t.id] = t
  end
  for _, o in ipairs(topics_unpack(added)) do
    if by_id[o.id] then topic_add(by_id[o.id], o) else topics[#topics + 1] = o end
  end
  if #topics > TOPICS_MAX then table.sort(topics, topic_is_later) end
  for i = 1, math.min(#topics, TOPICS_MAX) do
    local t = topics[i]
    packed[i + 1] = struct.pack('<Bc0Bddd', #t.id, t.id, t.components, t.sum, t.weight, t.at)
  end
  return table.concat(packed)
end
