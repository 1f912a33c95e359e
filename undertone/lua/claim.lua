-- Decide for each message whether it opens a story, copies one, or repeats a message id. First writer owns.
--
-- KEYS[1] prefix of the story keys of one stream (every key below starts with it: one hash tag, one slot)
-- ARGV[1] msgpack: {ttl, window_ms, threshold, k, claims}
--   claims  [[position, event time ms, id hash, text hash, sketch, [band hash, ...]]]
--   sketch  the k smallest 32-bit hashes of the text's words, ascending; empty, with no bands, for an exact match only
--
-- Ownership is by position in the log, so a claim that is made again after a crash finds itself the owner and gets
-- the same answer. A story is open for window_ms of event time, either way, from its owner's event time.
--
-- Returns a flat list, two entries a claim: owner's position; 1 if the id belongs to another position, else 0.
local prefix = KEYS[1]
local body = cmsgpack.unpack(ARGV[1])
local ttl, window, threshold = body.ttl, body.window_ms, body.threshold
local get, set = function(k) return redis.call('GET', k) end, function(k, v) redis.call('SET', k, v, 'EX', ttl) end

-- Jaccard similarity from two bottom-k sketches: shared hashes among the k smallest of the union. A sketch shorter
-- than k is the whole set of words, and the figure is then exact.
local function similar(a, b)
  local whole = #a < body.k and #b < body.k
  local i, j, shared, seen = 1, 1, 0, 0
  while (whole or seen < body.k) and (i <= #a or j <= #b) do
    local x, y = a[i] or math.huge, b[j] or math.huge
    seen = seen + 1
    if x == y then shared, i, j = shared + 1, i + 1, j + 1
    elseif x < y then i = i + 1
    else j = j + 1 end
  end
  return seen > 0 and shared / seen >= threshold
end

-- The owner in a stored value "position time", if its story is open at this time.
local function open(value, at)
  if not value then return nil end
  local owner, time = string.match(value, '^(%S+) (%-?%d+)$')
  if owner and math.abs(tonumber(time) - at) <= window then return owner, time end
end

local answers = {}
for _, claim in ipairs(body.claims) do
  local position, at, id, text, sketch, bands = unpack(claim)
  local holder = get(prefix .. 'id:' .. id)
  local repeated = holder and holder ~= position
  if not holder then set(prefix .. 'id:' .. id, position) end

  local exact = prefix .. 'x:' .. text
  local owner, time = open(get(exact), at)
  if not owner and not repeated then
    for _, band in ipairs(bands) do
      local candidate, opened = open(get(prefix .. 'b:' .. band), at)
      local known = candidate and get(prefix .. 's:' .. candidate)
      if known and candidate ~= position and similar(sketch, cmsgpack.unpack(known)) then
        owner, time = candidate, opened
        break
      end
    end
    if not owner then
      owner, time = position, string.format('%d', at)
      if #sketch > 0 then set(prefix .. 's:' .. position, cmsgpack.pack(sketch)) end
      for _, band in ipairs(bands) do set(prefix .. 'b:' .. band, owner .. ' ' .. time) end
    end
    set(exact, owner .. ' ' .. time)
  end
  answers[#answers + 1] = owner or position
  answers[#answers + 1] = repeated and 1 or 0
end
return answers
