--[[
Reads entries, keyed ones and ones of buckets.

Invariant: values are returned only to the present epoch, and only while the store stands at one of the two markers that its owner
knows to be possible: before and after the chunk that may be in flight. The owner keeps every key of that chunk in memory, so that
the keys asked for here have one value at both (P12, P14). Counts of fields show a store that lost a key (P13). A bucket that meta
does not know is empty, whatever is found under its name.

KEYS[1..3]          see check-store.lua
KEYS[4..] bucket    hash of the entries of each bucket that is read from
ARGV[1]   epoch     the caller's
ARGV[2]   marker    where the store stands
ARGV[3]   marker    where it may stand instead; the same again if no chunk is in flight
ARGV[4]   keys      at most 1 000, as MessagePack: a list of runs, each {target, keys}; the target is 0 for entries and n for the bucket
                    KEYS[3 + n]
ARGV[5..] name      of each bucket in KEYS, in their order: hex digits

Returns {OK, values in the order of the keys, nil where there is none}, {FENCED, epoch found} or {LOST, reason}.
]]
local epoch, marker, orMarker, packed = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local FIRST_BUCKET, FIRST_NAME = 4, 5

local defect = defectOf(epoch, marker, orMarker)
if defect then return defect end
local isEmpty = {}
for i = FIRST_BUCKET, #KEYS do
  local loss, kept = bucketDefectOf(ARGV[FIRST_NAME + i - FIRST_BUCKET], KEYS[i])
  if loss then return loss end
  isEmpty[KEYS[i]] = not kept
end

local values
for _, run in ipairs(cmsgpack.unpack(packed)) do
  local target, keys = run[1] == 0 and entries or KEYS[FIRST_BUCKET - 1 + run[1]], run[2]
  local read = isEmpty[target] and {} or redis.call('HMGET', target, unpack(keys))
  if values == nil and #read == #keys then
    values = read
  else
    values = values or {}
    for i = 1, #keys do values[#values + 1] = read[i] or false end
  end
end
return { OK, values or {} }
