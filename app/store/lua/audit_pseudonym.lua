-- SPDX-License-Identifier: GPL-3.0-or-later
-- KEYS: pseudonym, tombstone, profile. ARGV: a seed.
-- include lib/audit_record.lua
return audit_whom(1, ARGV[1], 'r')
