--[[
Takes a store partition over and says whether what it holds can be trusted.

Invariant: after this script no epoch but the one it returns may load, apply or rebuild (P12). The epoch is a counter and a random
nonce, compared for equality: a counter alone would repeat after a failover. What can't be trusted is marked as being rebuilt at
once, so that the verdict stands even if the caller dies.

KEYS[1] meta      hash: epoch, marker, topic, entries, buckets, b:<bucket>..., at
KEYS[2] entries   hash of the keyed entries
KEYS[3] buckets   sorted set of the buckets there are, all with score 0
ARGV[1] nonce     a new random id
ARGV[2] topic     id of the changelog topic that the store must be a view of
ARGV[3] now       milliseconds since 1970

Returns {OK, epoch, marker} or, where the store must be rebuilt, {LOST, epoch, reason}.
]]
local OK, LOST = 0, 2
local meta, entries, buckets = KEYS[1], KEYS[2], KEYS[3]
local nonce, topic, now = ARGV[1], ARGV[2], ARGV[3]

local held = redis.call('HMGET', meta, 'epoch', 'marker', 'topic', 'entries', 'buckets')
local counter = tonumber(string.match(held[1] or '', '^(%d+):') or '0')
local epoch = string.format('%d:%s', counter + 1, nonce)
local entryCount, bucketCount = redis.call('HLEN', entries), redis.call('ZCARD', buckets)

local reason = false
if not held[1] or not held[2] then
  reason = 'nothing is there'
elseif held[3] ~= topic then
  reason = 'it follows another changelog topic: ' .. (held[3] or 'none')
elseif held[2] == 'rebuilding' then
  reason = 'an earlier rebuild did not end'
elseif tonumber(held[4]) ~= entryCount then
  reason = 'it has ' .. entryCount .. ' entries, not ' .. (held[4] or 'unknown')
elseif tonumber(held[5]) ~= bucketCount then
  reason = 'it has ' .. bucketCount .. ' buckets, not ' .. (held[5] or 'unknown')
end

if reason then
  redis.call('HSET', meta, 'epoch', epoch, 'marker', 'rebuilding', 'topic', topic, 'at', now)
  return { LOST, epoch, reason }
end
redis.call('HSET', meta, 'epoch', epoch)
return { OK, epoch, held[2] }
