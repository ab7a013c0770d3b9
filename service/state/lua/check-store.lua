--[[
Stands before each of the other scripts: the codes of answers, the keys that all have, and the checks that come before anything is read
or written.

Invariant: an epoch that is not the present one reads and changes nothing (P12); nor does anybody where the store stands at a marker that
its owner does not expect, or where a number of fields is not the one that was kept (P13). Counting takes constant time.

KEYS[1] meta      hash: epoch, marker, topic, entries, buckets, b:<bucket>..., at, leaderEpoch,
                  kind
KEYS[2] entries   hash of the keyed entries
KEYS[3] buckets   sorted set of the buckets there are, all with score 0
]]
local OK, FENCED, LOST, MORE, FOREIGN = 0, 1, 2, 3, 4
local meta, entries, buckets = KEYS[1], KEYS[2], KEYS[3]

-- Milliseconds since 1970 by the clock of Redis, the one clock that all owners of a store see alike.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Why the store has lost something, from the numbers that were kept; nil where it has not.
local function lossOf(keptEntries, keptBuckets)
  local entryCount, bucketCount = redis.call('HLEN', entries), redis.call('ZCARD', buckets)
  if tonumber(keptEntries) ~= entryCount then
    return 'it has ' .. entryCount .. ' entries, not ' .. (keptEntries or 'unknown')
  end
  if tonumber(keptBuckets) ~= bucketCount then
    return 'it has ' .. bucketCount .. ' buckets, not ' .. (keptBuckets or 'unknown')
  end
end

-- The answer to who is not the owner; nil to who is.
local function fenceOf(epoch)
  local held = redis.call('HGET', meta, 'epoch')
  if not held then return { LOST, 'nothing is there' } end
  if held ~= epoch then return { FENCED, held } end
end

-- The answer to who is not the owner, or expects another store; else nil, and at which of the two markers it stands.
local function defectOf(epoch, marker, orMarker)
  local defect = fenceOf(epoch)
  if defect then return defect end
  local held = redis.call('HMGET', meta, 'marker', 'entries', 'buckets')
  if held[1] ~= marker and held[1] ~= orMarker then
    return { LOST, 'it stands at ' .. (held[1] or 'no marker') .. ', not at ' .. marker .. ' or ' .. orMarker }
  end
  local loss = lossOf(held[2], held[3])
  if loss then return { LOST, loss } end
  return nil, held[1]
end

-- The answer where something is missing that whoever acquires the store does not look at: the verdict has to stand in the store, or it
-- would be trusted again and again.
local function lost(reason)
  redis.call('HSET', meta, 'marker', 'rebuilding')
  return { LOST, reason }
end

-- The answer where a bucket has lost something; else nil, the number that was kept and the number that is there. Without a kept one the
-- bucket is empty: what is found under its name is left from a lost life.
local function bucketDefectOf(name, bucket)
  local kept, found = redis.call('HGET', meta, 'b:' .. name), redis.call('HLEN', bucket)
  if kept and tonumber(kept) ~= found then
    return lost('bucket ' .. name .. ' has ' .. found .. ' entries, not ' .. kept)
  end
  return nil, kept, found
end
