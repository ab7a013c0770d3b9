--[[
Reads a page of the entries of one bucket, or of the keyed ones.

Invariant: as load-entries.lua; the owner overlays the page with what it has in memory, where every change is that may be applied
meanwhile. The page is HSCAN's: an entry that is there from the first page to the last is in one of them at least, and one may be in
two, whatever is added and deleted in between. A call visits a bounded number of entries, though the table be sparse after many
deletions; so a page may be empty and not the last.

KEYS[1..3]        see check-store.lua
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
local bucket = KEYS[4]
local epoch, marker, orMarker, name, cursor = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local entriesMax, bytesMax = tonumber(ARGV[6]), tonumber(ARGV[7])
-- Small steps, as only between them the bytes are seen. Of a sparse table HSCAN visits ten places for each entry asked for.
local STEP_ENTRIES, STEPS_MAX = 20, 200

local defect = defectOf(epoch, marker, orMarker)
if defect then return defect end
local target = entries
if name ~= '' then
  local loss, kept = bucketDefectOf(name, bucket)
  if loss then return loss end
  if not kept then return { OK, '0', {} } end
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
