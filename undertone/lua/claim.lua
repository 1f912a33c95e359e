-- Decide for each message whether it opens a story, copies one, or repeats a message id. First writer owns.
--
-- KEYS[1] prefix of the story hashes of one stream (every key below starts with it: one hash tag, one slot)
-- ARGV[1] msgpack: {ttl, window_ms, threshold, k, claims}
--   claims   [[position, event time ms, id hash, text hash, sketch, [band hash, ...], figures, names, about, words]]
--   sketch   the k smallest 32-bit hashes of the text's words, ascending; empty, with no bands, for an exact match only
--   figures, names, about  hashes of the text's amounts, capitalised words and companies, each ascending
--   words    hashes, 8 hexadecimal digits each, of the words that may be news of the company
--
-- There is one hash for each window of event time, and a claim looks into its own, the one before and the one after:
-- no open story can be elsewhere, and expiry takes a whole window at once. Fields of a hash:
--   i<id hash> position     x<text hash> owner     b<band hash> owner     s<position> sketch, figures, names, about, packed
--   w<word hash> the first digits of the id hash of the message that told the word first in this window
-- where an owner is written "position time", with a near copy's similarity in hundredths behind it.
--
-- Two texts are one story if their sketches are similar, unless each has an amount, a name or a company that the other lacks.
-- Ownership is by position in the log, so a claim that is made again after a crash finds itself the owner and gets
-- the same answer. A story is open for window_ms of event time, either way, from its owner's event time.
--
-- Returns a flat list, three entries a claim: owner's position; 1 if the id belongs to another position, else 0; novelty.
-- Novelty is 0..100. A copy's is what its similarity lacks: 0 for an exact one. Of a text that opens a story it lies
-- between what THRESHOLD leaves and 100, by the share of its words that no other message has told with the same company
-- in its own window of event time or the one before. A text without such words has none that are new.
local prefix = KEYS[1]
local body = cmsgpack.unpack(ARGV[1])
local window, threshold = body.window_ms, body.threshold
local MOST_COMPARED = 6
local WORD, MARK = 8, 8

-- Jaccard similarity from two bottom-k sketches: shared hashes among the k smallest of the union, nil below the
-- threshold. A sketch shorter than k is the whole set of words, and the figure is then exact.
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
      if seen - shared > spare then return nil end
    end
  end
  if seen > 0 and shared / seen >= threshold then return shared / seen end
end

-- Whether each of two ascending lists has something that the other lacks.
local function apart(a, b)
  if not a or not b then return false end
  local i, j, left, right = 1, 1, false, false
  while i <= #a or j <= #b do
    local x, y = a[i] or math.huge, b[j] or math.huge
    if x == y then i, j = i + 1, j + 1
    elseif x < y then i, left = i + 1, true
    else j, right = j + 1, true end
  end
  return left and right
end

-- The owner in a stored value, its time and the hundredths of similarity, if its story is open at this time.
local function open(value, at)
  if not value then return nil end
  local owner, time, hundredths = string.match(value, '^(%S+) (%-?%d+) ?(%d*)$')
  if owner and math.abs(tonumber(time) - at) <= window then return owner, time, tonumber(hundredths) or 100 end
end

local function rounded(number)
  return math.floor(number + 0.5)
end

local present = {}
local function exists(key)
  if present[key] == nil then present[key] = redis.call('EXISTS', key) == 1 end
  return present[key]
end

-- Novelty of a text that opens a story; its words that nobody told in this window become its own.
local function fresh(own, earlier, id, words, writes)
  local floor = 100 * (1 - threshold)
  if #words == 0 then return rounded(floor) end
  local fields = {}
  for at = 1, #words, WORD do fields[#fields + 1] = 'w' .. string.sub(words, at, at + WORD - 1) end
  local mark, told = string.sub(id, 1, MARK), 0
  local mine = exists(own) and redis.call('HMGET', own, unpack(fields)) or {}
  local theirs = exists(earlier) and redis.call('HMGET', earlier, unpack(fields)) or {}
  for place, field in ipairs(fields) do
    if theirs[place] or (mine[place] and mine[place] ~= mark) then told = told + 1 end
    if not mine[place] then
      writes[#writes + 1] = field
      writes[#writes + 1] = mark
    end
  end
  return rounded(floor + (100 - floor) * (1 - told / #fields))
end

local answers = {}
for _, claim in ipairs(body.claims) do
  local position, at, id, text, sketch, bands, figures, names, about, words = unpack(claim)
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

  local holder, owner, time, hundredths
  for _, row in ipairs(found) do
    holder = holder or row[1]
    if not owner then owner, time, hundredths = open(row[2], at) end
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
          if known then
            local theirs, their_figures, their_names, their_about = cmsgpack.unpack(known)
            local other = apart(figures, their_figures) or apart(names, their_names) or apart(about, their_about)
            local similarity = not other and similar(sketch, theirs)
            if similarity then owner, time, hundredths = candidate, opened, rounded(100 * similarity) end
          end
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
        writes[#writes + 1] = cmsgpack.pack(sketch, figures, names, about)
      end
    end
    writes[#writes + 1] = 'x' .. text
    writes[#writes + 1] = owner .. ' ' .. time .. (owner ~= position and ' ' .. hundredths or '')
  end
  local novelty = 0
  if owner == position and not repeated then
    novelty = fresh(own, prefix .. string.format('%d', number - 1), id, words or '', writes)
  elseif owner and not repeated then
    novelty = 100 - hundredths
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
  answers[#answers + 1] = novelty
end
return answers
