-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: stream, without groups.
-- include lib/stream_rebuild.lua
make_anew(KEYS[1])
return 1
