-- SPDX-License-Identifier: GPL-3.0-or-later
-- Lists something that is about to be made or changed in several steps, or lists it anew.
-- KEYS[1]  the list: entries by the time they were added (epoch ms)
-- ARGV[1]  entry: kind and id
-- Returns  1 added; 0 it was there and has the present time now
-- include lib/now.lua
return redis.call('ZADD', KEYS[1], ('%.0f'):format(now_ms()), ARGV[1])
