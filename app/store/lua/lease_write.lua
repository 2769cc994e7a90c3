-- SPDX-License-Identifier: GPL-3.0-or-later
-- Executes one command of a lease's holder, unless the lease has ended: another holder may have
-- changed the same records since.
-- KEYS[1]  the key of the command
-- ARGV[1]  until when the holder may write (epoch ms)
-- ARGV[2]  name of the command, which replies a number
-- ARGV[3...]  its arguments after the key
-- Returns  the reply of the command; -1 the lease has ended
-- include lib/now.lua
if now_ms() > tonumber(ARGV[1]) then return -1 end
return redis.call(ARGV[2], KEYS[1], unpack(ARGV, 3))
