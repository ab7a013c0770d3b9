--[[
Reads a page of the entries of one bucket, or of the keyed ones.

Invariant: as load-entries.lua; the owner overlays the page with what it has in memory, where every change is that may be applied
meanwhile. The page is HSCAN's: an entry that is there from the first page to the last is in one of them at least, and one may be in
two, whatever is added and deleted in between. A call visits a bounded number of entries, though the table be sparse after many
deletions; so a page may be empty and not the last.

KEYS[1] meta      hash: epoch, marker, topic, entries, buckets, b:<bucket>..., at
KEYS[2] entries   hash of the keyed entries
KEYS[3] buckets   sorted set of the buckets there are
KEYS[4] bucket    hash of the entries of the bucket; absent where the keyed entries are read
ARGV[1] epoch     the caller's
ARGV[2] marker    where the store stands
ARGV[3] marker    where it may stand instead; the same again if no chunk is in flight
ARGV[4] name      of the bucket: hex digits; empty for the keyed entries
ARGV[5] cursor    that of the page before; 0 for the first one
ARGV[6] entries   after so many the page ends, 1 000 at most; a step, or a small hash as a whole, may be more
ARGV[7] bytes     after so many bytes of keys and values the page ends

Returns {OK, cursor, keys and values in turn}, the cursor 0 after the last page; {FENCED, epoch found} or {LOST, reason}.
]]
local OK, FENCED, LOST = 0, 1, 2
local meta, entries, buckets, bucket = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local epoch, marker, orMarker, name, cursor = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local entriesMax, bytesMax = tonumber(ARGV[6]), tonumber(ARGV[7])
-- Small steps, as only between them the bytes are seen. Of a sparse table HSCAN visits ten places for each entry asked for.
local STEP_ENTRIES, STEPS_MAX = 20, 200

local held = redis.call('HMGET', meta, 'epoch', 'marker', 'entries', 'buckets', 'b:' .. name)
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
local target = entries
if name ~= '' then
  -- What is found under the name of a bucket that meta does not know is left from a lost life.
  if not held[5] then return { OK, '0', {} } end
  local found = redis.call('HLEN', bucket)
  if tonumber(held[5]) ~= found then
    -- Whoever acquires the store next looks at no bucket: the verdict has to stand there, or it would be trusted again and again.
    redis.call('HSET', meta, 'marker', 'rebuilding')
    return { LOST, 'bucket ' .. name .. ' has ' .. found .. ' entries, not ' .. held[5] }
  end
  target = bucket
end

local page, bytes = {}, 0
for _ = 1, STEPS_MAX do
  local step = redis.call('HSCAN', target, cursor, 'COUNT', math.min(STEP_ENTRIES, entriesMax))
  cursor = step[1]
  for i = 1, #step[2] do
    page[#page + 1] = step[2][i]
    bytes = bytes + #step[2][i]
  end
  if cursor == '0' or #page >= 2 * entriesMax or bytes >= bytesMax then break end
end
return { OK, cursor, page }
