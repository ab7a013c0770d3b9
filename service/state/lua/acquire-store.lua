--[[
Takes a store partition over and says whether what it holds can be trusted, and what its owner knew of the changelog.

Invariant: after this script no epoch but the one it returns may load, apply or rebuild (P12). The epoch is a counter and a random
nonce, compared for equality: a counter alone would repeat after a failover. What can't be trusted is marked as being rebuilt at
once, so that the verdict stands even if the caller dies.

KEYS[1..3]        see check-store.lua
ARGV[1] nonce     a new random id
ARGV[2] topic     id of the changelog topic that the store must be a view of
ARGV[3] kind      fingerprint of what decides how the store is read; empty where the caller has none

Returns {OK, epoch, marker, leader epoch, age} or, where the store must be rebuilt, {LOST, epoch, reason}. The leader epoch is that of
the changelog when it had everything up to the marker; the age, in milliseconds, is how long ago the changelog had nothing behind it.
A store of another kind is nobody's to take: {FOREIGN, its kind}, and nothing is changed.
]]
local nonce, topic, kind = ARGV[1], ARGV[2], ARGV[3]

local held = redis.call('HMGET', meta, 'epoch', 'marker', 'topic', 'entries', 'buckets', 'leaderEpoch', 'at', 'kind')
local heldKind = held[8] or ''
if heldKind ~= '' and kind ~= '' and heldKind ~= kind then return { FOREIGN, heldKind } end
if kind == '' then kind = heldKind end
local counter = tonumber(string.match(held[1] or '', '^(%d+):') or '0')
local epoch = string.format('%d:%s', counter + 1, nonce)
local leaderEpoch, at = tonumber(held[6] or ''), tonumber(held[7] or '')

local reason
if not held[1] or not held[2] then
  reason = 'nothing is there'
elseif held[3] ~= topic then
  reason = 'it follows another changelog topic: ' .. (held[3] or 'none')
elseif held[2] == 'rebuilding' then
  reason = 'an earlier rebuild did not end'
elseif not leaderEpoch or not at then
  reason = 'it does not say when it was current'
else
  reason = lossOf(held[4], held[5])
end

if reason then
  redis.call('HSET', meta, 'epoch', epoch, 'marker', 'rebuilding', 'topic', topic, 'kind', kind)
  return { LOST, epoch, reason }
end
redis.call('HSET', meta, 'epoch', epoch, 'kind', kind)
return { OK, epoch, held[2], leaderEpoch, now() - at }
