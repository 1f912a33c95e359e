-- Publish what happened to alerts, with the watch's own state and the record of who did it, all or nothing.
--
-- KEYS[1] lease   KEYS[2] watch hash   KEYS[3] index   KEYS[4] outbox   KEYS[5] audit   KEYS[6] verdicts
-- KEYS[7..n] alerts, and what people judged of them
-- ARGV[1] token of the lease; empty for a change by a person, which needs no lease
-- ARGV[2] msgpack: {alert_ttl, watch_ttl, audit_ttl, kept, outbox_kept, audit_kept, set, drop, alerts, labels}
--   set     {field: value}      fields of the watch hash to set
--   drop    [field, ...]        fields of the watch hash to remove
--   alerts  [[key index, id, time fired ms, json expected (empty: none), json, notification (0: none), what, quiet,
--             audit]]           quiet: why people are not told, may be empty; audit: {field: value}, empty for none
--   labels  [[key index of the judged hash, label id, position and person, json]]
--
-- A change is refused unless the alert is as its author last saw it. The json that is to be written counts as that
-- too: it is a retry after a lost reply, and neither sent nor recorded twice. A label is sent once, by its id. What changes
-- no alert and makes no label leaves no record.
--
-- Whatever is written counts in the field changes of the watch hash, by which readers know that they need not read.
--
-- Returns {code, ...}:
--    1 published; then how many labels are new
--    0 another watcher holds the lease: nothing changed, and the caller must stop
--   -1 an alert was changed by someone else: nothing changed; then its key index and what it is now
if ARGV[1] ~= '' and redis.call('GET', KEYS[1]) ~= ARGV[1] then return {0} end
local body = cmsgpack.unpack(ARGV[2])
local changed = {}
for _, alert in ipairs(body.alerts) do
  local now = redis.call('GET', KEYS[alert[1]]) or ''
  if now ~= alert[4] and now ~= alert[5] then return {-1, alert[1], now} end
  changed[alert[1]] = now ~= alert[5]
end

local made = 0
for _, label in ipairs(body.labels) do
  local key, id, whose, json = unpack(label)
  if redis.call('HSETNX', KEYS[key], id, whose) == 1 then
    redis.call('EXPIRE', KEYS[key], body.alert_ttl)
    redis.call('XADD', KEYS[6], '*', 'label', json)
    redis.call('EXPIRE', KEYS[6], body.alert_ttl)
    made = made + 1
  end
end

for _, alert in ipairs(body.alerts) do
  local key, id, fired, _, json, notification, what, quiet, audit = unpack(alert)
  redis.call('SET', KEYS[key], json, 'EX', body.alert_ttl)
  redis.call('ZADD', KEYS[3], fired, id)
  if notification > 0 and changed[key] then
    redis.call('XADD', KEYS[4], 'MAXLEN', '~', body.outbox_kept, '*',
      'id', id, 'notification', notification, 'what', what, 'quiet', quiet, 'alert', json)
  end
  if next(audit) ~= nil and (changed[key] or made > 0) then
    local row = {}
    for field, value in pairs(audit) do
      row[#row + 1] = field
      row[#row + 1] = value
    end
    redis.call('XADD', KEYS[5], 'MAXLEN', '~', body.audit_kept, '*', unpack(row))
    redis.call('XTRIM', KEYS[5], 'MINID', '~', (redis.call('TIME')[1] - body.audit_ttl) * 1000)
    redis.call('EXPIRE', KEYS[5], body.audit_ttl)
  end
end
if #body.alerts > 0 then
  redis.call('HINCRBY', KEYS[2], 'changes', 1)
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -body.kept - 1)
  redis.call('EXPIRE', KEYS[3], body.alert_ttl)
  if redis.call('EXISTS', KEYS[4]) == 1 then redis.call('EXPIRE', KEYS[4], body.alert_ttl) end
end
for field, value in pairs(body.set) do redis.call('HSET', KEYS[2], field, value) end
for _, field in ipairs(body.drop) do redis.call('HDEL', KEYS[2], field) end
redis.call('EXPIRE', KEYS[2], body.watch_ttl)
return {1, made}
