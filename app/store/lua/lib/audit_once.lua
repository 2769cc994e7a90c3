-- SPDX-License-Identifier: GPL-3.0-or-later
-- Makes each command of a sender run once, however often and however late it arrives. The sender's
-- mark in the shard, a key that expires a day after its last command, is 'NUMBER' of the latest
-- command that ran, or 'NUMBER FLOOR' when audit_fence has forbidden all numbers up to FLOOR.
--   audit_is_new(mark, number)    marks the command as run and returns true; false if it must not run
local AUDIT_MARK_S = 86400
local function audit_is_new(mark, number)
  local last = redis.call('SET', mark, number, 'EX', AUDIT_MARK_S, 'GET')
  if not last or tonumber(last:match('%d+$')) < tonumber(number) then return true end
  redis.call('SET', mark, last, 'EX', AUDIT_MARK_S)
  return false
end
