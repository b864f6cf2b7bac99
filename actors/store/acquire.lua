-- Takes an account unless another owner that lives holds it, and raises its epoch.
-- KEYS[1] the account's meta hash. KEYS[2] its stream of events.
-- ARGV[1] the new owner. ARGV[2] prefix of the keys that say who lives.
-- Answer: {holder} when it is held, else {'', epoch, seq}.
-- The epoch is never below the server's time in ms: after a failover that forgot the newest lease, a mere count would
-- hand the forgotten owner's epoch to somebody else, and both would be let through.
-- The number is never below the newest event's: a stream takes no older id, so an account whose number was lost, or
-- whose stream another program wrote to, could never commit again.
local meta, owner = KEYS[1], ARGV[1]
local found = redis.call('HMGET', meta, 'owner', 'epoch', 'seq')
local holder = found[1]
if holder and holder ~= owner and redis.call('EXISTS', ARGV[2] .. holder) == 1 then return { holder } end

local time = redis.call('TIME')
local now_ms = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local epoch = string.format('%d', math.max(tonumber(found[2] or '0') + 1, now_ms))
local seq = found[3] or '0'
if not tonumber(seq) then return redis.error_reply('ERR the seq in ' .. meta .. ' is no number') end
local facts = redis.pcall('XINFO', 'STREAM', KEYS[2])
for place = 1, #facts, 2 do
  if facts[place] == 'last-generated-id' then
    local newest = string.match(facts[place + 1], '^%d+')
    -- Beyond 2^53 numbers are not exact any more; such a stream has to be repaired by hand.
    if tonumber(newest) > tonumber(seq) and tonumber(newest) < 2 ^ 53 then seq = newest end
  end
end
redis.call('HSET', meta, 'owner', owner, 'epoch', epoch, 'seq', seq)
return { '', epoch, seq }
