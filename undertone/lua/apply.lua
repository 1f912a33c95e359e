-- Apply one run of records of one partition, exactly once.
--
-- KEYS[1] state hash of the partition, or of its comparisons in shadow
-- KEYS[2..n] window, evidence and copies hashes, all with the partition's hash tag
-- ARGV[1] first offset of the run         ARGV[2] last offset of the run
-- ARGV[3] offset that the writer believes is stored (-1: none)
-- ARGV[4] epoch of the writer             ARGV[5] msgpack: {state_ttl, set, add, windows, evidence, copies}
--   set      {field: value}               state fields to set (watermark_ms, updated_ms)
--   add      {field: integer}             state counters to increment
--   windows  [[key index, ttl, {field: integer}]]
--   evidence [[key index, ttl, cap, {position: json}]]
--   copies   [[key index, ttl, cap, {field: integer}]], may be left out; beyond cap fields no new one is added
--
-- Returns {code, stored offset}:
--    1 applied
--    0 already applied (last <= stored): a replay; nothing changed
--   -1 partly applied (first <= stored < last): trim the run and call again
--   -2 another epoch is in charge: the writer must stop
--   -3 the store is behind the writer (Redis lost data): the writer must go back to stored + 1
local state = KEYS[1]
local first, last, believed = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local have = redis.call('HMGET', state, 'offset', 'epoch')
local stored = tonumber(have[1] or '-1')
if have[2] and have[2] ~= ARGV[4] then return {-2, stored} end
if last <= stored then return {0, stored} end
if first <= stored then return {-1, stored} end
if stored < believed then return {-3, stored} end

local body = cmsgpack.unpack(ARGV[5])
for _, window in ipairs(body.windows) do
  local key, fresh = KEYS[window[1]], redis.call('EXISTS', KEYS[window[1]]) == 0
  for field, n in pairs(window[3]) do redis.call('HINCRBY', key, field, n) end
  if fresh then redis.call('EXPIRE', key, window[2]) end
end
for _, bucket in ipairs(body.evidence) do
  local key = KEYS[bucket[1]]
  local room = bucket[3] - redis.call('HLEN', key)
  for position, json in pairs(bucket[4]) do
    if room > 0 then room = room - redis.call('HSETNX', key, position, json) end
  end
  redis.call('EXPIRE', key, bucket[2])
end
for _, bucket in ipairs(body.copies or {}) do
  local key, fields = KEYS[bucket[1]], {}
  for field in pairs(bucket[4]) do fields[#fields + 1] = field end
  table.sort(fields) -- which of them find room must not hang on the order of a table
  local room = bucket[3] - redis.call('HLEN', key)
  for _, field in ipairs(fields) do
    local known = redis.call('HEXISTS', key, field) == 1
    if known or room > 0 then redis.call('HINCRBY', key, field, bucket[4][field]) end
    if not known then room = room - 1 end
  end
  redis.call('EXPIRE', key, bucket[2])
end
for field, n in pairs(body.add) do redis.call('HINCRBY', state, field, n) end
for field, value in pairs(body.set) do redis.call('HSET', state, field, value) end
redis.call('HSET', state, 'offset', last, 'epoch', ARGV[4])
redis.call('EXPIRE', state, body.state_ttl)
return {1, last}
