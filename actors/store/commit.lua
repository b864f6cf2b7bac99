-- One group commit: checks each section's epoch and number, applies the good ones, answers a letter for each.
-- ARGV[1]  JSON list of whole numbers. Per section: length of the meta key, epoch, seq, number of operations;
--          then per operation: what to do, number of its arguments, length of each.
-- ARGV[2]  the bytes those lengths cut: per section the meta key, then the arguments.
-- ARGV[3]  about how many entries a stream keeps.
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

local function write(operation, arguments)
  if operation == HSET then call('HSET', unpack(arguments))
  elseif operation == HSETNX then call('HSETNX', unpack(arguments))
  elseif operation == XADD then call('XADD', arguments[1], 'MAXLEN', '~', events_max, unpack(arguments, 2))
  elseif operation == HDEL then call('HDEL', unpack(arguments))
  elseif operation == PUBLIC_HSET then public('HSET', unpack(arguments))
  elseif operation == PUBLIC_HDEL then public('HDEL', unpack(arguments))
  -- The second argument of these is an empty field name.
  elseif operation == SET then call('SET', arguments[1], arguments[3])
  elseif operation == DEL then call('DEL', arguments[1])
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
  local epoch, seq, operations = numbers[n + 1], numbers[n + 2], numbers[n + 3]
  local verdict = judge(owned, epoch, seq)
  n, at = n + 4, meta_end
  for _ = 1, operations do
    local operation, arguments = numbers[n], {}
    local last = n + 1 + numbers[n + 1]
    for each = n + 2, last do
      local next_at = at + numbers[each]
      if verdict == 'o' then arguments[#arguments + 1] = sub(bytes, at, next_at - 1) end
      at = next_at
    end
    if verdict == 'o' then write(operation, arguments) end
    n = last + 1
  end
  if verdict == 'o' then owned.seq, owned.changed = seq, true end
  verdicts[#verdicts + 1] = verdict
end

for _, owned in ipairs(touched) do
  if owned.changed then call('HSET', owned.meta, 'seq', string.format('%d', owned.seq)) end
end
return table.concat(verdicts)
