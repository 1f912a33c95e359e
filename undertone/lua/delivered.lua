-- Record that a channel is done with one entry of the outbox, once, and move its cursor to before the oldest that it is
-- not done with. What is counted is what is noted, so that a call that is made again counts nothing.
--
-- KEYS[1] lease   KEYS[2] watch hash, which holds the cursors   KEYS[3] deliveries of the alert
-- KEYS[4] tally of the channel on the day of event time
-- ARGV[1] token of the lease   ARGV[2] cursor field   ARGV[3] cursor before   ARGV[4] cursor after
-- ARGV[5] delivery field, "<channel>:<notification>"   ARGV[6] outcome and time; empty: nothing to note
-- ARGV[7] ttl, s   ARGV[8] watch ttl, s   ARGV[9] field of the tally to add one to; empty: none   ARGV[10] its ttl, s
--
-- Returns 1 recorded, 0 another watcher holds the lease or the cursor has moved: nothing changed.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local cursor = redis.call('HGET', KEYS[2], ARGV[2]) or '0-0'
if cursor ~= ARGV[3] and cursor ~= ARGV[4] then return 0 end
local new = 0
if ARGV[6] ~= '' then
  new = redis.call('HSETNX', KEYS[3], ARGV[5], ARGV[6])
  redis.call('EXPIRE', KEYS[3], ARGV[7])
end
if ARGV[9] ~= '' and new == 1 then
  redis.call('HINCRBY', KEYS[4], ARGV[9], 1)
  redis.call('EXPIRE', KEYS[4], ARGV[10])
end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
redis.call('EXPIRE', KEYS[2], ARGV[8])
return 1
