--[[
Reads keyed entries.

Invariant: values are returned only to the present epoch, and only while the store stands at one of the two markers that its owner
knows to be possible: before and after the chunk that may be in flight. The owner keeps every key of that chunk in memory, so that
the keys asked for here have one value at both (P12, P14). Counts of fields show a store that lost a key (P13).

KEYS[1] meta      hash: epoch, marker, topic, entries, buckets, b:<bucket>..., at
KEYS[2] entries   hash of the keyed entries
KEYS[3] buckets   sorted set of the buckets there are
ARGV[1] epoch     the caller's
ARGV[2] marker    where the store stands
ARGV[3] marker    where it may stand instead; the same again if no chunk is in flight
ARGV[4] keys      packed: length (4 bytes, big-endian) and bytes of each key; at most 1 000

Returns {OK, values in the order of the keys, nil where there is none}, {FENCED, epoch found} or {LOST, reason}.
]]
local OK, FENCED, LOST = 0, 1, 2
local meta, entries, buckets = KEYS[1], KEYS[2], KEYS[3]
local epoch, marker, orMarker, packed = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

local held = redis.call('HMGET', meta, 'epoch', 'marker', 'entries', 'buckets')
if not held[1] then return { LOST, 'nothing is there' } end
if held[1] ~= epoch then return { FENCED, held[1] } end
if held[2] ~= marker and held[2] ~= orMarker then
  return { LOST, 'it stands at ' .. (held[2] or 'no marker') .. ', not at ' .. marker .. ' or ' .. orMarker }
end
local entryCount, bucketCount = redis.call('HLEN', entries), redis.call('ZCARD', buckets)
if tonumber(held[3]) ~= entryCount then
  return { LOST, 'it has ' .. entryCount .. ' entries, not ' .. (held[3] or 'unknown') }
end
if tonumber(held[4]) ~= bucketCount then
  return { LOST, 'it has ' .. bucketCount .. ' buckets, not ' .. (held[4] or 'unknown') }
end

local keys, at = {}, 1
while at <= #packed do
  keys[#keys + 1], at = struct.unpack('>I4c0', packed, at)
end
if #keys == 0 then return { OK, {} } end
return { OK, redis.call('HMGET', entries, unpack(keys)) }
