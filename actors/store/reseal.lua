-- Notes under which keys an account's values are, and writes values anew; only for the owner with the newest epoch.
-- KEYS[1] the account's meta hash. KEYS[2] its stream of events. ARGV[1] epoch. ARGV[2] a key's id, or 'plain'. ARGV[3] '1': from now on all values are
-- under that key; else: some may be. Then triplets of key, field and value.
-- Answer: 1, or 0 for another epoch; then nothing was changed.
-- Events stay as they were written. So it is noted which one is the newest when all else is encrypted: no later one is
-- plain, and a stream takes none with an older id.
-- What no longer exists is not brought back, and a public key that another program gave another type is left alone.
local meta, id, only = KEYS[1], ARGV[2], ARGV[3] == '1'
local found = redis.call('HMGET', meta, 'epoch', 'keys')
if found[1] ~= ARGV[1] then return 0 end

local noted = found[2] or 'plain'
if only and id ~= 'plain' and string.find(',' .. noted .. ',', ',plain,', 1, true) then
  local newest = redis.pcall('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
  redis.call('HSET', meta, 'plain_events_to', newest[1] and newest[1][1] or '')
end
if only then noted = id
elseif not string.find(',' .. noted .. ',', ',' .. id .. ',', 1, true) then noted = noted .. ',' .. id
end
-- Noted before anything is written, so that no value is ever under a key that is not noted.
if noted == 'plain' then redis.call('HDEL', meta, 'keys') else redis.call('HSET', meta, 'keys', noted) end
for place = 4, #ARGV, 3 do
  if redis.pcall('HEXISTS', ARGV[place], ARGV[place + 1]) == 1 then
    redis.call('HSET', ARGV[place], ARGV[place + 1], ARGV[place + 2])
  end
end
return 1
