-- One group commit: checks each section's epoch and number, applies the good ones, answers a letter for each.
-- ARGV[1]  JSON list of whole numbers. Per section: length of the meta key, epoch, seq, number of writes;
--          then per write: operation, length of key, length of field, length of value.
-- ARGV[2]  the bytes those lengths cut: per section the meta key, then per write key, field, value.
-- ARGV[3]  about how many events a stream keeps.
-- Answer   o: written, a: written before, s: another epoch, g: not the next number.
-- Writes of one section are ordered so that a repeat after an error in the middle is harmless: the number comes last.
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

local function write(operation, key, field, value)
  if operation == HSET then call('HSET', key, field, value)
  elseif operation == HSETNX then call('HSETNX', key, field, value)
  elseif operation == XADD then call('XADD', key, 'MAXLEN', '~', events_max, field, 'event', value)
  elseif operation == HDEL then call('HDEL', key, field)
  elseif operation == PUBLIC_HSET then public('HSET', key, field, value)
  elseif operation == PUBLIC_HDEL then public('HDEL', key, field)
  elseif operation == SET then call('SET', key, value)
  elseif operation == DEL then call('DEL', key)
  end
end

local accounts, touched, verdicts = {}, {}, {}

local function account(meta)
  local found = accounts[meta]
  if not found then
    local reply = call('HMGET', meta, 'epoch', 'seq')
    found = { meta = meta, epoch = tonumber(reply[1] or '-1'), seq = tonumber(reply[2] or '0') }
    accounts[meta] = found
    touched[#touched + 1] = found
  end
  return found
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
  local owned = account(sub(bytes, at, meta_end - 1))
  local epoch, seq, writes = numbers[n + 1], numbers[n + 2], numbers[n + 3]
  local verdict = judge(owned, epoch, seq)
  n, at = n + 4, meta_end
  for _ = 1, writes do
    local field_at = at + numbers[n + 1]
    local value_at = field_at + numbers[n + 2]
    local next_at = value_at + numbers[n + 3]
    if verdict == 'o' then
      write(numbers[n], sub(bytes, at, field_at - 1), sub(bytes, field_at, value_at - 1), sub(bytes, value_at, next_at - 1))
    end
    n, at = n + 4, next_at
  end
  if verdict == 'o' then owned.seq, owned.changed = seq, true end
  verdicts[#verdicts + 1] = verdict
end

for _, owned in ipairs(touched) do
  if owned.changed then call('HSET', owned.meta, 'seq', string.format('%d', owned.seq)) end
end
return table.concat(verdicts)
