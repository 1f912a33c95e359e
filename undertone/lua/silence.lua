-- Keep a silence, or an earlier end of one, with the record of who did it.
--
-- KEYS[1] silences   KEYS[2] audit
-- ARGV[1] msgpack: {id, expected, json, audit, gone, kept, ttl, audit_kept, audit_ttl}
--   expected  its json as its author last saw it, empty for a new one
--   audit     {field: value}
--   gone      [id, ...]  silences long over, to be removed
--
-- Returns 1 kept, 0 somebody else has changed it: nothing changed, -1 there are as many as are kept: nothing changed.
local body = cmsgpack.unpack(ARGV[1])
local now = redis.call('HGET', KEYS[1], body.id) or ''
if now == body.json then return 1 end  -- a retry after a lost reply
if now ~= body.expected then return 0 end
for _, id in ipairs(body.gone) do redis.call('HDEL', KEYS[1], id) end
if now == '' and redis.call('HLEN', KEYS[1]) >= body.kept then return -1 end
redis.call('HSET', KEYS[1], body.id, body.json)
redis.call('EXPIRE', KEYS[1], body.ttl)
local row = {}
for field, value in pairs(body.audit) do
  row[#row + 1] = field
  row[#row + 1] = value
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', body.audit_kept, '*', unpack(row))
redis.call('XTRIM', KEYS[2], 'MINID', '~', (redis.call('TIME')[1] - body.audit_ttl) * 1000)
redis.call('EXPIRE', KEYS[2], body.audit_ttl)
return 1
