-- One group commit: checks each section's epoch and number, applies the good ones, answers a letter for each.
-- ARGV[1]  JSON list of whole numbers. Per section: length of the meta key, epoch, seq, number of writes;
--          then per write, events first: operation, length of key, length of field, length of value.
-- ARGV[2]  the bytes those lengths cut: per section the meta key, then per write key, field, value.
-- ARGV[3]  about how many events a stream keeps.
-- Answer   o: written, a: written before, s: another epoch, g: not the next number, b: a key is not as we left it.
-- An error in the middle undoes nothing. So every hash of a section is looked at before anything is written, its events
-- come before its records, since of all writes only the first event can still fail, and its number is written with it.
-- One account's damaged key thus refuses that account alone, and leaves no trace.
local numbers, bytes, events_max = cjson.decode(ARGV[1]), ARGV[2], ARGV[3]
local call, pcall, sub = redis.call, redis.pcall, string.sub

local HSET, HSETNX, HDEL, XADD, SET, DEL, PUBLIC_HSET, PUBLIC_HDEL = 1, 2, 3, 4, 5, 6, 7, 8

-- A public key may have been overwritten by another program with another type. It is a projection, never the truth,
-- so it is dropped and begun anew instead of stopping the account.
local function public(command, key, ...)
  local reply = pcall(command, key, ...)
  if type(reply) == 'table' and reply.err then
    if string.find(reply.err, 'WRONGTYPE', 1, true) then call('DEL', key) end
    call(command, key, ...)
  end
end

-- Whether the event could be added: to a stream, and to none that holds a newer one.
local function add_event(key, id, event)
  local reply = pcall('XADD', key, 'MAXLEN', '~', events_max, id, 'event', event)
  if type(reply) ~= 'table' or not reply.err then return true end
  if string.find(reply.err, 'WRONGTYPE', 1, true) or string.find(reply.err, 'equal or smaller', 1, true) then
    return false
  end
  -- Anything else, such as memory that is full, is the server's matter and not this account's.
  return call('XADD', key, 'MAXLEN', '~', events_max, id, 'event', event)
end

local function write(operation, key, field, value)
  if operation == XADD then return add_event(key, field, value) end
  if operation == HSET then call('HSET', key, field, value)
  elseif operation == HSETNX then call('HSETNX', key, field, value)
  elseif operation == HDEL then call('HDEL', key, field)
  elseif operation == PUBLIC_HSET then public('HSET', key, field, value)
  elseif operation == PUBLIC_HDEL then public('HDEL', key, field)
  elseif operation == SET then call('SET', key, value)
  elseif operation == DEL then call('DEL', key)
  end
  return true
end

local OWN_HASH = { [HSET] = true, [HSETNX] = true, [HDEL] = true }
local accounts, looked_at, verdicts = {}, {}, {}

local function account(meta)
  local found = accounts[meta]
  if not found then
    local reply = pcall('HMGET', meta, 'epoch', 'seq')
    if reply.err then
      found = { refused = 'b' }
    else
      found = { epoch = tonumber(reply[1] or '-1'), seq = tonumber(reply[2] or '0') }
      if not (found.epoch and found.seq) then found.refused = 'b' end
    end
    accounts[meta] = found
  end
  return found
end

local function is_hash(key)
  if not looked_at[key] then
    local found = call('TYPE', key).ok
    looked_at[key] = found == 'hash' or found == 'none'
  end
  return looked_at[key]
end

local function hashes_are_sound(n, at, writes)
  for _ = 1, writes do
    if OWN_HASH[numbers[n]] and not is_hash(sub(bytes, at, at + numbers[n + 1] - 1)) then return false end
    n, at = n + 4, at + numbers[n + 1] + numbers[n + 2] + numbers[n + 3]
  end
  return true
end

local function judge(owned, epoch, seq)
  if owned.refused then return owned.refused end
  if owned.epoch ~= epoch then owned.refused = 's'
  elseif seq <= owned.seq then return 'a'
  elseif seq > owned.seq + 1 then owned.refused = 'g'
  end
  return owned.refused or 'o'
end

local n, at, count = 1, 1, #numbers
while n <= count do
  local meta_end = at + numbers[n]
  local meta = sub(bytes, at, meta_end - 1)
  local owned = account(meta)
  local epoch, seq, writes = numbers[n + 1], numbers[n + 2], numbers[n + 3]
  local verdict = judge(owned, epoch, seq)
  n, at = n + 4, meta_end
  if verdict == 'o' and not hashes_are_sound(n, at, writes) then verdict = 'b' end
  for _ = 1, writes do
    local field_at = at + numbers[n + 1]
    local value_at = field_at + numbers[n + 2]
    local next_at = value_at + numbers[n + 3]
    if verdict == 'o' then
      local key, field = sub(bytes, at, field_at - 1), sub(bytes, field_at, value_at - 1)
      if not write(numbers[n], key, field, sub(bytes, value_at, next_at - 1)) then verdict = 'b' end
    end
    n, at = n + 4, next_at
  end
  if verdict == 'o' then
    call('HSET', meta, 'seq', string.format('%d', seq))
    owned.seq = seq
  elseif verdict == 'b' then
    owned.refused = verdict
  end
  verdicts[#verdicts + 1] = verdict
end
return table.concat(verdicts)
