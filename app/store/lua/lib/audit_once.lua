-- SPDX-License-Identifier: GPL-3.0-or-later
-- Makes each command of a sender run once, however often and however late it arrives. A sender sends
-- its next command with the same mark when it knows the outcome of the one before. The mark is a key
-- that expires after a day. Its text is the number of the latest command, then the number, from 0,
-- of each item that was not recorded, or '-' when audit_fence has forbidden the command.
--   audit_number(text)            the command's number in the text of a mark; 0: there is no mark
--   audit_outcome(text, number)   the reply of the command with the number: the numbers of the items
--       that it has not recorded, because Redis is full or a key of the student has another type;
--       the integer 0: it has not run, and will not
--   audit_once(mark, number, add, first, size, finish)   calls add(i) for each item, which begins at
--       ARGV[i], i from first on in steps of size; an item for which it fails holds up no other. Then
--       calls finish(), if it is there; when that fails, no item was recorded.
local AUDIT_MARK_S = 86400
local function audit_number(text)
  return tonumber((text or ''):match('^%d+')) or 0
end
local function audit_outcome(text, number)
  local failed = {}
  if audit_number(text) ~= tonumber(number) or text:sub(-1) == '-' then return 0 end
  for item in text:gmatch(' (%d+)') do failed[#failed + 1] = tonumber(item) end
  return failed
end
local function audit_once(mark, number, add, first, size, finish)
  local text = redis.call('SET', mark, number, 'EX', AUDIT_MARK_S, 'GET')
  if audit_number(text) < tonumber(number) then
    text = number
    local failed, all = {}, {}
    for i = first, #ARGV, size do
      local item = (i - first) / size
      all[#all + 1] = item
      if not pcall(add, i) then failed[#failed + 1] = item end
    end
    if finish and not pcall(finish) then failed = all end
    if failed[1] then text = number .. ' ' .. table.concat(failed, ' ') end
  end
  if text ~= number then redis.call('SET', mark, text, 'EX', AUDIT_MARK_S) end
  return audit_outcome(text, number)
end
