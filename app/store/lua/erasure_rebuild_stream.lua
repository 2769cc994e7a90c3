-- SPDX-License-Identifier: GPL-3.0-or-later
-- Removes deleted entries of a stream from the memory of Redis.
-- KEYS[1]  a stream without consumer groups
-- Returns  1
-- include lib/stream_rebuild.lua
stream_rebuild(KEYS[1])
return 1
