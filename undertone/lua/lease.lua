-- Take, keep or give up the lease of the watch.
--
-- KEYS[1] lease   KEYS[2] watch hash, which holds the fencing counter
-- ARGV[1] "take", "keep" or "drop"   ARGV[2] name (take) or token   ARGV[3] time to live, ms   ARGV[4] watch ttl, s
--
-- take returns a token, "<name> <number>", or false while another holds it; no number is given twice, so that the
-- token of a lease that was lost never opens a later one. keep and drop return 1, or 0 if the token is not in charge.
local holder = redis.call('GET', KEYS[1])
if ARGV[1] == 'take' then
  if holder then return false end
  local token = ARGV[2] .. ' ' .. redis.call('HINCRBY', KEYS[2], 'fence', 1)
  redis.call('EXPIRE', KEYS[2], ARGV[4])
  redis.call('SET', KEYS[1], token, 'PX', ARGV[3])
  return token
end
if holder ~= ARGV[2] then return 0 end
if ARGV[1] == 'keep' then return redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return redis.call('DEL', KEYS[1])
