-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes days that are too old from a student's closed days.
-- KEYS[1]  closed days
-- ARGV[1]  the oldest day to keep (days since the epoch)
-- Returns  '0', as the other trimming scripts do at the end of a key
-- include lib/days.lua
local days = redis.call('GET', KEYS[1]) or ''
local kept = days_trim(days, tonumber(ARGV[1]))
if kept ~= days then redis.call('SET', KEYS[1], kept, 'KEEPTTL') end
return '0'
