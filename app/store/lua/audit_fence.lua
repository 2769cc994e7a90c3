-- SPDX-License-Identifier: GPL-3.0-or-later
-- Tells a sender the outcome of its latest command, whose reply was lost. If the command has not run,
-- it is forbidden, because it may still be on its way. GETDEL: a script may write when Redis is full
-- if its first write is one that needs no memory.
-- KEYS[1]  the sender's mark
-- ARGV[1]  number of the command
-- Returns  the reply of the command; 0: it has not run, and will not
-- include lib/audit_once.lua
local text = redis.call('GETDEL', KEYS[1])
if audit_number(text) < tonumber(ARGV[1]) then text = ARGV[1] .. ' -' end
redis.call('SET', KEYS[1], text, 'EX', AUDIT_MARK_S)
return audit_outcome(text, ARGV[1])
