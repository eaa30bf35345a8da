-- One exchange of a worker with the board: it says that it is there, holds and offers leases, and gets back all that is known.
-- KEYS: members (sorted set: worker -> expiry), leases (hash: partition -> "expiry mark owner"). Times are Redis' own, in ms.
-- ARGV: worker, lease time, 1 if present or 0 if leaving, number of partitions to hold, those, then those to offer.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local me, ttl = ARGV[1], tonumber(ARGV[2])
local until_text = string.format('%.0f', now + ttl)

local known = redis.call('ZSCORE', KEYS[1], me)
if ARGV[3] == '1' then redis.call('ZADD', KEYS[1], until_text, me) else redis.call('ZREM', KEYS[1], me) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))

local function entry(partition)
  local text = redis.call('HGET', KEYS[2], partition)
  if not text then return 0, 'none', '' end
  local expiry, mark, owner = string.match(text, '^(%d+) (%a+) (%S+)$')
  if not expiry then return 0, 'none', '' end
  return tonumber(expiry), mark, owner
end

local held = tonumber(ARGV[4])
for at = 5, #ARGV do
  local expiry, mark, owner = entry(ARGV[at])
  if at < 5 + held then
    if expiry <= now or mark == 'offered' or owner == me then
      redis.call('HSET', KEYS[2], ARGV[at], until_text .. ' held ' .. me)
    end
  elseif owner == me then
    redis.call('HSET', KEYS[2], ARGV[at], until_text .. ' offered ' .. me)
  end
end
redis.call('PEXPIRE', KEYS[1], ttl * 100)
redis.call('PEXPIRE', KEYS[2], ttl * 100)

local leases = {}
for _, partition in ipairs(redis.call('HKEYS', KEYS[2])) do
  local expiry, mark, owner = entry(partition)
  if mark ~= 'none' then
    leases[#leases + 1] = { partition, owner, mark == 'offered' and 1 or 0, math.max(0, expiry - now) }
  end
end
return { known and 1 or 0, redis.call('ZRANGE', KEYS[1], 0, -1), leases }
