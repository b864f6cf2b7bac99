-- Gives an account up if the lease is still the newest. KEYS[1] the account's meta hash. ARGV: owner, epoch.
local found = redis.call('HMGET', KEYS[1], 'owner', 'epoch')
if found[1] == ARGV[1] and found[2] == ARGV[2] then return redis.call('HDEL', KEYS[1], 'owner') end
return 0
