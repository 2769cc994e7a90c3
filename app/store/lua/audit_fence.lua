-- SPDX-License-Identifier: GPL-3.0-or-later
-- Tells a sender which of its commands have run, and forbids the others that are on their way.
-- KEYS[1]  the sender's mark
-- ARGV[1]  floor: no command up to this number runs any more
-- Returns  the number of the latest command that ran; 0: none
-- include lib/audit_once.lua
local last = (redis.call('GET', KEYS[1]) or '0'):match('^%d+')
redis.call('SET', KEYS[1], last .. ' ' .. ARGV[1], 'EX', AUDIT_MARK_S)
return tonumber(last)
