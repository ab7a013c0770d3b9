--[[
Counts the entries of a store: the keyed ones, and those of its buckets, some buckets a call, in the order of their names.

Invariant: as load-entries.lua. The names are hex digits of buckets whose bytes sort as their times do, and all have score 0 in the
sorted set, so that their order is that of the times.

KEYS[1..3]        see check-store.lua
ARGV[1] epoch     the caller's
ARGV[2] marker    where the store stands
ARGV[3] after     the last name of the call before; empty for the first one
ARGV[4] limit     how many buckets to name at most, 1 000 or less

Returns {OK, names, counts in their order, number of keyed entries}, {FENCED, epoch found} or {LOST, reason}.
]]
local epoch, marker, after, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local defect = defectOf(epoch, marker, marker)
if defect then return defect end

local entryCount = redis.call('HLEN', entries)
local names = redis.call('ZRANGEBYLEX', buckets, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, limit)
if #names == 0 then return { OK, names, {}, entryCount } end
local fields = {}
for i = 1, #names do fields[i] = 'b:' .. names[i] end
local counts = redis.call('HMGET', meta, unpack(fields))
for i = 1, #names do
  if not counts[i] then return lost('the number of entries of bucket ' .. names[i] .. ' is unknown') end
end
return { OK, names, counts, entryCount }
