-- SPDX-License-Identifier: GPL-3.0-or-later
-- Topics of a student, packed: a byte 1 (the version), then for each topic a byte with the length of
-- its id, the id, a byte with the set of components that it was observed in, and three little-endian
-- doubles: sum, weight and time (ms) of its evidence. app/store/topics.c reads and writes the same.
--   topics_merge(stored, added, now, latest)   the packed topics `stored` (false: none) with the
--       packed observations `added`. Times in `stored` that are after `latest` come from a clock that
--       was wrong, and count as `now`. Of more than TOPICS_MAX topics the most recently seen stay. A
--       stored text that is not in this form counts as none: the event must not be lost for it, and a
--       guess at what it meant would be shown as mastery.
-- This is evidence_add of app/domain/mastery.c once more. It is computed here, because the topics may
-- take 10 KB, which a write would have to read, and compare as it does the state.
-- tests/edge/test_topic_script.py compares the two.
-- Topics that the event does not name are copied as they are: unpacking and packing 256 of them anew
-- would take Redis twice as long.
local TOPICS_MAX, TOPIC_FIXED_SIZE, HALF_LIFE_MS = 256, 26, 14 * 86400000
local TOPIC_FORMAT = '<Bc0Bddd'
local function topic_is_valid(sum, weight, at)
  return sum >= 0 and weight > 0 and weight < 1e12 and sum <= weight * (1 + 1e-9)
    and at > -2 ^ 53 and at < 2 ^ 53 and at % 1 == 0
end
-- Calls found(record, id, components, sum, weight, at) for each topic. False: the form is wrong.
local function topics_scan(packed, found)
  local position = 2
  if packed:byte(1) ~= 1 then return false end
  while position <= #packed do
    local size, from = packed:byte(position), position
    if size == 0 or from + TOPIC_FIXED_SIZE + size - 1 > #packed then return false end
    local id, components, sum, weight, at
    id, components, sum, weight, at, position = struct.unpack(TOPIC_FORMAT, packed, from)
    if not topic_is_valid(sum, weight, at) then return false end
    found(packed:sub(from, position - 1), id, components, sum, weight, at)
  end
  return true
end
local function topics_keep_latest(topics)
  table.sort(topics.order, function(a, b)
    if topics.at[a] ~= topics.at[b] then return topics.at[a] > topics.at[b] end
    return topics.id[a] < topics.id[b]
  end)
  local kept = {}
  for i = 1, TOPICS_MAX do kept[i] = topics.record[topics.order[i]] end
  return kept
end
local function topics_merge(stored, added, now, latest)
  local observed, topics = {}, {record = {}, id = {}, at = {}, order = {}}
  local function put(record, id, at)
    local n = #topics.record + 1
    topics.record[n], topics.id[n], topics.at[n], topics.order[n] = record, id, at, n
  end
  topics_scan(added, function(record, id, components, sum, weight, at)
    observed[#observed + 1], observed[id] = id, {record, components, sum, weight, at}
  end)
  local is_valid = stored and topics_scan(stored, function(record, id, components, sum, weight, at)
    local o = observed[id]
    if at > latest then at = now end
    if o then
      local _, o_components, o_sum, o_weight, o_at = unpack(o)
      local newest = math.max(at, o_at)
      local decay, o_decay = 2 ^ ((at - newest) / HALF_LIFE_MS), 2 ^ ((o_at - newest) / HALF_LIFE_MS)
      at, observed[id] = newest, false
      record = struct.pack(TOPIC_FORMAT, #id, id, bit.bor(components, o_components),
                           sum * decay + o_sum * o_decay, weight * decay + o_weight * o_decay, at)
    end
    put(record, id, at)
  end)
  if stored and not is_valid then return topics_merge(false, added, now, latest) end
  for _, id in ipairs(observed) do
    if observed[id] then put(observed[id][1], id, observed[id][5]) end
  end
  local records = topics.record
  if #records > TOPICS_MAX then records = topics_keep_latest(topics) end
  return '\1' .. table.concat(records)
end
