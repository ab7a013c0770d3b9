--[[
Counts the entries of a store: the keyed ones, and those of its buckets, some buckets a call, in the order of their names.

Invariant: as load-entries.lua. The names are hex digits of buckets whose bytes sort as their times do, and all have score 0 in the
sorted set, so that their order is that of the times.

KEYS[1] meta      hash: epoch, marker, topic, entries, buckets, b:<bucket>..., at
KEYS[2] entries   hash of the keyed entries
KEYS[3] buckets   sorted set of the buckets there are
ARGV[1] epoch     the caller's
ARGV[2] marker    where the store stands
ARGV[3] after     the last name of the call before; empty for the first one
ARGV[4] limit     how many buckets to name at most, 1 000 or less

Returns {OK, names, counts in their order, number of keyed entries}, {FENCED, epoch found} or {LOST, reason}.
]]
local OK, FENCED, LOST = 0, 1, 2
local meta, entries, buckets = KEYS[1], KEYS[2], KEYS[3]
local epoch, marker, after, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local held = redis.call('HMGET', meta, 'epoch', 'marker', 'entries', 'buckets')
if not held[1] then return { LOST, 'nothing is there' } end
if held[1] ~= epoch then return { FENCED, held[1] } end
if held[2] ~= marker then return { LOST, 'it stands at ' .. (held[2] or 'no marker') .. ', not at ' .. marker } end
local entryCount, bucketCount = redis.call('HLEN', entries), redis.call('ZCARD', buckets)
if tonumber(held[3]) ~= entryCount then
  return { LOST, 'it has ' .. entryCount .. ' entries, not ' .. (held[3] or 'unknown') }
end
if tonumber(held[4]) ~= bucketCount then
  return { LOST, 'it has ' .. bucketCount .. ' buckets, not ' .. (held[4] or 'unknown') }
end

local names = redis.call('ZRANGEBYLEX', buckets, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, limit)
if #names == 0 then return { OK, names, {}, entryCount } end
local fields = {}
for i = 1, #names do fields[i] = 'b:' .. names[i] end
local counts = redis.call('HMGET', meta, unpack(fields))
for i = 1, #names do
  if not counts[i] then
    -- Whoever acquires the store next looks at no bucket: the verdict has to stand there.
    redis.call('HSET', meta, 'marker', 'rebuilding')
    return { LOST, 'the number of entries of bucket ' .. names[i] .. ' is unknown' }
  end
end
return { OK, names, counts, entryCount }
