-- All of the live state at one moment, as JSON of strings: the sequence, balances, marks and positions.
local number = redis.call('GET', SEQUENCE)
if not number then return '' end
local positions = {}
local balances = redis.call('HGETALL', 'balances')
for place = 1, #balances, 2 do
  local account = balances[place]
  for _, symbol in ipairs(redis.call('SMEMBERS', 'derivatives:symbols:' .. account)) do
    local row = redis.call('HMGET', 'position:' .. account .. ':' .. symbol, 'quantity', 'cost')
    positions[#positions + 1] = {account, symbol, row[1] or '0', row[2] or '0'}
  end
end
return cjson.encode({sequence = number, balances = balances, positions = positions,
  marks = redis.call('HGETALL', 'mark_prices'), marked_at = redis.call('HGETALL', MARKED_AT)})
