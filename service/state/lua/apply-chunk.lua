--[[
Applies one chunk of a segment of the changelog and moves the marker behind it.

Invariant: a chunk is applied by the present epoch only, only onto its exact predecessor, and all of it or nothing: every check
comes before the first write, and no write after the first can be refused. A repeat of the last chunk changes nothing (P12). The
counts of fields are compared before and kept after (P13). A bucket that meta does not know is empty: what is found under its name
is left from a lost life, and is removed.

KEYS[1..3]          see check-store.lua
KEYS[4..] bucket    hash of the entries of each bucket that the chunk writes to
ARGV[1]   epoch     the caller's
ARGV[2]   from      marker that the chunk follows
ARGV[3]   to        marker that it leads to
ARGV[4]   leader    epoch in which the leader of the changelog had all of this chunk; empty: what was known before still stands
ARGV[5]   ago       milliseconds since the changelog was known to end at the new marker; empty where it went on behind it
ARGV[6]   writes    at most 1 000, as MessagePack: a list of runs, each {command, target, fields}; the command is HSET or HDEL, the
                    target 0 for entries and n for the bucket KEYS[3 + n], and with HSET a value stands behind each field
ARGV[7..] name      of each bucket in KEYS, in their order: hex digits

Returns {OK}, {FENCED, epoch found} or {LOST, reason}.
]]
local epoch, from, to, leader, ago, writes = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local FIRST_BUCKET, FIRST_NAME = 4, 7

local defect, marker = defectOf(epoch, from, to)
if defect then return defect end
local leftovers = {}
for i = FIRST_BUCKET, #KEYS do
  local loss, kept, found = bucketDefectOf(ARGV[FIRST_NAME + i - FIRST_BUCKET], KEYS[i])
  if loss then return loss end
  if not kept and found > 0 then leftovers[#leftovers + 1] = KEYS[i] end
end
if marker == to then return { OK } end
for i = 1, #leftovers do redis.call('UNLINK', leftovers[i]) end

for _, run in ipairs(cmsgpack.unpack(writes)) do
  local command, target, fields = run[1], run[2], run[3]
  redis.call(command, target == 0 and entries or KEYS[FIRST_BUCKET - 1 + target], unpack(fields))
end

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
if leader ~= '' then redis.call('HSET', meta, 'leaderEpoch', leader) end
if ago ~= '' then redis.call('HSET', meta, 'at', now() - ago) end
redis.call('HSET', meta, 'marker', to,
  'entries', redis.call('HLEN', entries), 'buckets', redis.call('ZCARD', buckets))
return { OK }
