--[[
Applies one chunk of a segment of the changelog and moves the marker behind it.

Invariant: a chunk is applied by the present epoch only, only onto its exact predecessor, and all of it or nothing: every check
comes before the first write, and no write after the first can be refused. A repeat of the last chunk changes nothing (P12). The
counts of fields are compared before and kept after (P13). A bucket that meta does not know is empty: what is found under its name
is left from a lost life, and is removed.

KEYS[1]   meta      hash: epoch, marker, topic, entries, buckets, b:<bucket>..., at
KEYS[2]   entries   hash of the keyed entries
KEYS[3]   buckets   sorted set of the buckets there are, all with score 0
KEYS[4..] bucket    hash of the entries of each bucket that the chunk writes to
ARGV[1]   epoch     the caller's
ARGV[2]   from      marker that the chunk follows
ARGV[3]   to        marker that it leads to
ARGV[4]   now       milliseconds since 1970
ARGV[5]   writes    packed, at most 1 000: target (2 bytes: 0 entries, n the bucket KEYS[3 + n]), length of key (4 bytes), key,
                    length of value (4 bytes, signed, -1 deletes), value; all big-endian
ARGV[6..] name      of each bucket in KEYS, in their order: hex digits

Returns {OK}, {FENCED, epoch found} or {LOST, reason}.
]]
local OK, FENCED, LOST = 0, 1, 2
local meta, entries, buckets = KEYS[1], KEYS[2], KEYS[3]
local epoch, from, to, now, writes = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local FIRST_BUCKET, FIRST_NAME = 4, 6

local held = redis.call('HMGET', meta, 'epoch', 'marker', 'entries', 'buckets')
if not held[1] then return { LOST, 'nothing is there' } end
if held[1] ~= epoch then return { FENCED, held[1] } end
if held[2] ~= from and held[2] ~= to then
  return { LOST, 'it stands at ' .. (held[2] or 'no marker') .. ', not at ' .. from }
end
local entryCount, bucketCount = redis.call('HLEN', entries), redis.call('ZCARD', buckets)
if tonumber(held[3]) ~= entryCount then
  return { LOST, 'it has ' .. entryCount .. ' entries, not ' .. (held[3] or 'unknown') }
end
if tonumber(held[4]) ~= bucketCount then
  return { LOST, 'it has ' .. bucketCount .. ' buckets, not ' .. (held[4] or 'unknown') }
end
local leftovers = {}
for i = FIRST_BUCKET, #KEYS do
  local name = ARGV[FIRST_NAME + i - FIRST_BUCKET]
  local known, found = redis.call('HGET', meta, 'b:' .. name), redis.call('HLEN', KEYS[i])
  if known and tonumber(known) ~= found then
    -- Whoever acquires the store next looks at no bucket: the verdict has to stand there, or it would be trusted again and again.
    redis.call('HSET', meta, 'marker', 'rebuilding')
    return { LOST, 'bucket ' .. name .. ' has ' .. found .. ' entries, not ' .. known }
  end
  if not known and found > 0 then leftovers[#leftovers + 1] = KEYS[i] end
end
if held[2] == to then return { OK } end
for i = 1, #leftovers do redis.call('UNLINK', leftovers[i]) end

-- Runs of like writes to one target become one command; the order of the writes is kept.
local target, command, arguments = entries, 'HSET', {}
local function flush()
  if #arguments > 0 then redis.call(command, target, unpack(arguments)) end
  arguments = {}
end
local at = 1
while at <= #writes do
  local slot, key, size, value
  slot, at = struct.unpack('>I2', writes, at)
  key, size, at = struct.unpack('>I4c0i4', writes, at)
  local nextTarget = slot == 0 and entries or KEYS[FIRST_BUCKET - 1 + slot]
  local nextCommand = size < 0 and 'HDEL' or 'HSET'
  if nextTarget ~= target or nextCommand ~= command then
    flush()
    target, command = nextTarget, nextCommand
  end
  arguments[#arguments + 1] = key
  if size >= 0 then
    value = string.sub(writes, at, at + size - 1)
    at = at + size
    arguments[#arguments + 1] = value
  end
end
flush()

for i = FIRST_BUCKET, #KEYS do
  local name = ARGV[FIRST_NAME + i - FIRST_BUCKET]
  local count = redis.call('HLEN', KEYS[i])
  if count == 0 then
    redis.call('ZREM', buckets, name)
    redis.call('HDEL', meta, 'b:' .. name)
  else
    redis.call('ZADD', buckets, 0, name)
    redis.call('HSET', meta, 'b:' .. name, count)
  end
end
redis.call('HSET', meta, 'marker', to, 'at', now,
  'entries', redis.call('HLEN', entries), 'buckets', redis.call('ZCARD', buckets))
return { OK }
