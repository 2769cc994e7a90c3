-- SPDX-License-Identifier: GPL-3.0-or-later
-- Days on which records are too old.
--   RETENTION_DAYS      how many days after its own day a record is too old
--   retention_day(id)   the day (since the epoch) of the entry of a stream with this id
local RETENTION_DAYS = 91
local function retention_day(id) return math.floor(id:match('^%d+') / 86400000) end
