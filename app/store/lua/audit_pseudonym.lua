-- SPDX-License-Identifier: GPL-3.0-or-later
-- Makes a student's pseudonym, unless there is one.
-- KEYS[1]  pseudonym
-- KEYS[2]  tombstone
-- KEYS[3]  profile
-- ARGV[1]  seed for a new pseudonym
-- Returns  the pseudonym
-- include lib/audit_record.lua
return audit_pseudonym(1, ARGV[1], 'r')
