-- Decide for each message whether it opens a story, copies one, or repeats a message id. First writer owns.
--
-- KEYS[1] prefix of the story hashes of one stream (every key below starts with it: one hash tag, one slot)
-- ARGV[1] msgpack: {ttl, window_ms, threshold, k, claims}
--   claims  [[position, event time ms, id hash, text hash, sketch, [band hash, ...]]]
--   sketch  the k smallest 32-bit hashes of the text's words, ascending; empty, with no bands, for an exact match only
--
-- There is one hash for each window of event time, and a claim looks into its own, the one before and the one after:
-- no open story can be elsewhere, and expiry takes a whole window at once. Fields of a hash:
--   i<id hash> position     x<text hash> owner     b<band hash> owner     s<position> sketch, packed
-- where an owner is written "position time".
--
-- Ownership is by position in the log, so a claim that is made again after a crash finds itself the owner and gets
-- the same answer. A story is open for window_ms of event time, either way, from its owner's event time.
--
-- Returns a flat list, two entries a claim: owner's position; 1 if the id belongs to another position, else 0.
local prefix = KEYS[1]
local body = cmsgpack.unpack(ARGV[1])
local window, threshold = body.window_ms, body.threshold
local MOST_COMPARED = 6

-- Jaccard similarity from two bottom-k sketches: shared hashes among the k smallest of the union. A sketch shorter
-- than k is the whole set of words, and the figure is then exact.
local function similar(a, b)
  local whole = #a < body.k and #b < body.k
  -- shared is at most the smaller set, so beyond this many differences the threshold is out of reach.
  local spare = (whole and math.min(#a, #b) / threshold or body.k) * (1 - threshold)
  local i, j, shared, seen = 1, 1, 0, 0
  while (whole or seen < body.k) and (i <= #a or j <= #b) do
    local x, y = a[i] or math.huge, b[j] or math.huge
    seen = seen + 1
    if x == y then shared, i, j = shared + 1, i + 1, j + 1
    else
      if x < y then i = i + 1 else j = j + 1 end
      if seen - shared > spare then return false end
    end
  end
  return seen > 0 and shared / seen >= threshold
end

-- The owner in a stored value, if its story is open at this time.
local function open(value, at)
  if not value then return nil end
  local owner, time = string.match(value, '^(%S+) (%-?%d+)$')
  if owner and math.abs(tonumber(time) - at) <= window then return owner, time end
end

local present = {}
local function exists(key)
  if present[key] == nil then present[key] = redis.call('EXISTS', key) == 1 end
  return present[key]
end

local answers = {}
for _, claim in ipairs(body.claims) do
  local position, at, id, text, sketch, bands = unpack(claim)
  local number = math.floor(at / window)
  local own = prefix .. string.format('%d', number)
  local wanted = {'i' .. id, 'x' .. text}
  for place, band in ipairs(bands) do wanted[place + 2] = 'b' .. band end

  local hashes, found = {}, {}
  for _, key in ipairs({own, prefix .. string.format('%d', number - 1), prefix .. string.format('%d', number + 1)}) do
    if exists(key) then
      hashes[#hashes + 1] = key
      found[#found + 1] = redis.call('HMGET', key, unpack(wanted))
    end
  end

  local holder, owner, time
  for _, row in ipairs(found) do
    holder = holder or row[1]
    if not owner then owner, time = open(row[2], at) end
  end
  local repeated = holder and holder ~= position

  local writes = {}
  if not holder then writes = {'i' .. id, position} end
  if not owner and not repeated then
    local compared, tried = 0, {}
    for at_hash, row in ipairs(found) do
      for place = 3, #wanted do
        local candidate, opened = open(row[place], at)
        if candidate and not owner and not tried[candidate] and compared < MOST_COMPARED then
          tried[candidate], compared = true, compared + 1
          local known = redis.call('HGET', hashes[at_hash], 's' .. candidate)
          if known and similar(sketch, cmsgpack.unpack(known)) then owner, time = candidate, opened end
        end
      end
    end
    if not owner then
      owner, time = position, string.format('%d', at)
      local mine = owner .. ' ' .. time
      for place = 3, #wanted do
        writes[#writes + 1] = wanted[place]
        writes[#writes + 1] = mine
      end
      if #sketch > 0 then
        writes[#writes + 1] = 's' .. position
        writes[#writes + 1] = cmsgpack.pack(sketch)
      end
    end
    writes[#writes + 1] = 'x' .. text
    writes[#writes + 1] = owner .. ' ' .. time
  end
  if #writes > 0 then
    redis.call('HSET', own, unpack(writes))
    if not present[own .. '!'] then
      redis.call('EXPIRE', own, body.ttl)
      present[own], present[own .. '!'] = true, true
    end
  end
  answers[#answers + 1] = owner or position
  answers[#answers + 1] = repeated and 1 or 0
end
return answers
