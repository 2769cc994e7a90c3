-- SPDX-License-Identifier: GPL-3.0-or-later
-- Finds the oldest entry that should have been finished by now.
-- KEYS[1]  the list: entries by the time they were added (epoch ms)
-- ARGV[1]  how old an entry must be (ms)
-- Returns  the oldest such entry; nil: there is none
-- include lib/now.lua
local last = ('%.0f'):format(now_ms() - ARGV[1])
return redis.call('ZRANGE', KEYS[1], '-inf', last, 'BYSCORE', 'LIMIT', 0, 1)[1] or false
