-- SPDX-License-Identifier: GPL-3.0-or-later
-- The closed days of a student, in one text, the newest first: per day its number (days since the
-- epoch) as two big-endian bytes, a byte with the length of its state, and the state
-- (app/store/student_days.h). The current day is not among them: its state is that of the profile.
--   days_put(days, record, stays)   the days with the record; one of the same day is replaced, or
--       stays as it is
--   days_trim(days, oldest)   the days from `oldest` on, and the latest one before it, with which the
--       first of them began
local function days_at(days, at)
  local high, low, size = days:byte(at, at + 2)
  return high * 256 + low, at + 3 + size
end
local function days_put(days, record, stays)
  local day, at = days_at(record, 1), 1
  while at <= #days do
    local found, after = days_at(days, at)
    if found == day then
      if stays then return days end
      return days:sub(1, at - 1) .. record .. days:sub(after)
    end
    if found < day then break end
    at = after
  end
  return days:sub(1, at - 1) .. record .. days:sub(at)
end
local function days_trim(days, oldest)
  local at = 1
  while at <= #days do
    local day, after = days_at(days, at)
    if day < oldest then return days:sub(1, after - 1) end
    at = after
  end
  return days
end
