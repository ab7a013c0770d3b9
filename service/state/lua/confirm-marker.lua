--[[
Notes that the store is still current: its changelog has nothing behind the marker.

Invariant: only the present epoch may say so. Whoever takes the store over does it before it writes to the changelog, so that nobody has
written to it whom the caller does not know of (P8, P13).

KEYS[1..3]        see check-store.lua
ARGV[1] epoch     the caller's
ARGV[2] marker    where the store stands
ARGV[3] ago       milliseconds since the changelog was known to end there

Returns {OK}, {FENCED, epoch found} or {LOST, reason}.
]]
local epoch, marker, ago = ARGV[1], ARGV[2], ARGV[3]

local defect = defectOf(epoch, marker, marker)
if defect then return defect end

redis.call('HSET', meta, 'at', now() - ago)
return { OK }
