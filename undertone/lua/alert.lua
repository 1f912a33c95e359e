-- Publish what happened to alerts, with the watch's own state, all or nothing.
--
-- KEYS[1] lease   KEYS[2] watch hash   KEYS[3] index   KEYS[4] outbox   KEYS[5..n] alerts
-- ARGV[1] token of the lease; empty for a change by a person, which needs no lease
-- ARGV[2] msgpack: {alert_ttl, watch_ttl, kept, outbox_kept, set, drop, alerts}
--   set     {field: value}      fields of the watch hash to set
--   drop    [field, ...]        fields of the watch hash to remove
--   alerts  [[key index, id, time fired ms, json expected (empty: none), json, notification (0: none), what]]
--
-- A change is refused unless the alert is as its author last saw it. The json that is to be written counts as that
-- too: it is a retry after a lost reply, and is not sent twice.
--
-- Returns {code, key index, json}:
--    1 published
--    0 another watcher holds the lease: nothing changed, and the caller must stop
--   -1 the alert of the key index was changed by someone else, and is now json: nothing changed
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return {0} end
local body = cmsgpack.unpack(ARGV[2])
local known = {}
for _, alert in ipairs(body.alerts) do
  local now = redis.call('GET', KEYS[alert[1]]) or ''
  if now ~= alert[4] and now ~= alert[5] then return {-1, alert[1], now} end
  known[alert[1]] = now == alert[5]
end

for _, alert in ipairs(body.alerts) do
  local key, id, fired, _, json, notification, what = unpack(alert)
  redis.call('SET', KEYS[key], json, 'EX', body.alert_ttl)
  redis.call('ZADD', KEYS[3], fired, id)
  if notification > 0 and not known[key] then
    redis.call('XADD', KEYS[4], 'MAXLEN', '~', body.outbox_kept, '*',
      'id', id, 'notification', notification, 'what', what, 'alert', json)
  end
end
if #body.alerts > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -body.kept - 1)
  redis.call('EXPIRE', KEYS[3], body.alert_ttl)
  if redis.call('EXISTS', KEYS[4]) == 1 then redis.call('EXPIRE', KEYS[4], body.alert_ttl) end
end
for field, value in pairs(body.set) do redis.call('HSET', KEYS[2], field, value) end
for _, field in ipairs(body.drop) do redis.call('HDEL', KEYS[2], field) end
redis.call('EXPIRE', KEYS[2], body.watch_ttl)
return {1}
