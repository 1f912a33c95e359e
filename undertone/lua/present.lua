-- Read those of a row of hashes that exist, in one command: most minutes of most partitions hold nothing.
--
-- KEYS[1] what the keys begin with: ut:{news-3}:w:60: (every key below starts with it: one hash tag, one slot)
-- ARGV[1] number at the end of the first key    ARGV[2] step    ARGV[3] how many keys
--
-- Returns a flat list, two entries a hash that exists: its number; its fields and values, as HGETALL gives them.
local found = {}
local first, step = tonumber(ARGV[1]), tonumber(ARGV[2])
for place = 0, tonumber(ARGV[3]) - 1 do
  local number = first + place * step
  local cells = redis.call('HGETALL', KEYS[1] .. string.format('%d', number))
  if #cells > 0 then
    found[#found + 1] = number
    found[#found + 1] = cells
  end
end
return found
