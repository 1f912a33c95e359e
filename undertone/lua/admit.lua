-- Take from a token bucket, and read or mark the API token that asks.
--
-- KEYS[1] bucket   KEYS[2] API token
-- ARGV[1] capacity   ARGV[2] tokens that come back a minute   ARGV[3] ttl of the bucket, s
-- ARGV[4] tokens that this takes
-- ARGV[5] "mark" to note in the API token that it was used, "read" to be told what it holds, else empty
--
-- Time is Redis' own, so that servers whose clocks differ share one bucket. The level is kept in thousandths: nothing
-- is lost to rounding however often somebody asks. A mark never makes an API token that was revoked meanwhile.
--
-- Returns {admitted 1 or 0, whole tokens left, ms until there are enough for the same again, field, value, ...}; the
-- fields only for "read".
local capacity, a_minute, cost = ARGV[1] * 1000, tonumber(ARGV[2]), ARGV[4] * 1000
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(known[1] or capacity), tonumber(known[2] or now)
local gained = math.floor(math.max(0, now - at) * a_minute / 60)
level = level + gained
if level >= capacity then
  level, at = capacity, now
else
  at = at + gained * 60 / a_minute
end
local admitted = level >= cost
if admitted then level = level - cost end
redis.call('HSET', KEYS[1], 'level', string.format('%d', level), 'at', string.format('%.6f', at))
redis.call('EXPIRE', KEYS[1], ARGV[3])
if ARGV[5] == 'mark' and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[2], 'used_ms', string.format('%d', now))
end
local answer = {admitted and 1 or 0, math.floor(level / 1000), math.max(0, math.ceil((cost - level) * 60 / a_minute))}
if ARGV[5] == 'read' then
  for _, part in ipairs(redis.call('HGETALL', KEYS[2])) do answer[#answer + 1] = part end
end
return answer
