--[[
Empties a store, some buckets a call; the caller repeats it with the buckets that it was told, until it answers OK.

Invariant: the store is marked as being rebuilt before anything is deleted, so that a rebuild that was broken off is never taken
for a store (P12). It counts as current from now on: whoever reads a changelog from its beginning finds the deletion of every entry
that it finds, for as long as deletions are kept (P13). A call deletes at most the entries hash and the buckets named to it; UNLINK takes constant time for each.

KEYS[1..3]          see check-store.lua
KEYS[4..] bucket    hashes of the buckets to be deleted by this call
ARGV[1]   epoch     the caller's
ARGV[2]   marker    where the empty store stands
ARGV[3]   leader    epoch of the leader of the changelog that the store is about to be built from
ARGV[4]   limit     how many buckets to name in the answer at most
ARGV[5..] name      of each bucket in KEYS, in their order: hex digits

Returns {OK}, {MORE, names of buckets to delete next}, {FENCED, epoch found} or {LOST, reason}.
]]
local epoch, marker, leader, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local FIRST_BUCKET, FIRST_NAME = 4, 5

local defect = fenceOf(epoch)
if defect then return defect end

redis.call('HSET', meta, 'marker', 'rebuilding')
redis.call('UNLINK', entries)
for i = FIRST_BUCKET, #KEYS do
  local name = ARGV[FIRST_NAME + i - FIRST_BUCKET]
  redis.call('UNLINK', KEYS[i])
  redis.call('ZREM', buckets, name)
  redis.call('HDEL', meta, 'b:' .. name)
end

-- Where the set of buckets was lost, their counts in meta still name them.
local names = redis.call('ZRANGE', buckets, 0, limit - 1)
local cursor = '0'
while #names == 0 do
  local page = redis.call('HSCAN', meta, cursor, 'MATCH', 'b:*', 'COUNT', limit)
  for i = 1, #page[2], 2 do names[#names + 1] = string.sub(page[2][i], 3) end
  cursor = page[1]
  if cursor == '0' then break end
end
if #names > 0 then return { MORE, names } end

redis.call('HSET', meta, 'marker', marker, 'entries', 0, 'buckets', 0, 'leaderEpoch', leader, 'at', now())
return { OK }
