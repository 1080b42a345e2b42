-- What every script below begins with: whole numbers in double floats, exact up to 2^53 (see core/derivatives/terms.py).

local SEQUENCE, PENDING, ACCOUNTS, MARKED_AT =
  'derivatives:sequence', 'derivatives:pending', 'derivatives:accounts', 'derivatives:marked_at'

local function text(number)
  if number == 0 then return '0' end
  return string.format('%.0f', number)
end

local function ceil_div(dividend, divisor)
  return math.ceil(dividend / divisor)
end

-- ceil(total * part / whole) for 0 <= part <= whole, without a product beyond 2^53.
local function share_up(total, part, whole)
  local each = math.floor(total / whole)
  local rest = total - each * whole
  return each * part + ceil_div(rest * part, whole)
end

local contracts = {}
local function contract_of(symbol)
  local found = contracts[symbol]
  if found == nil then
    local row = redis.call('HMGET', 'derivatives:contract:' .. symbol, 'multiplier', 'divisor', 'initial', 'maintenance',
      'limit', 'largest', 'price_band', 'stale_after', 'status', 'currency', 'price_digits')
    if not row[1] then return nil end
    found = {multiplier = tonumber(row[1]), divisor = tonumber(row[2]), initial = tonumber(row[3]),
      maintenance = tonumber(row[4]), limit = tonumber(row[5]), largest = tonumber(row[6]),
      price_band = tonumber(row[7]), stale_after = tonumber(row[8]), status = row[9], currency = row[10]}
    contracts[symbol] = found
  end
  return found
end

local marks = {}
local function mark_of(symbol)
  if marks[symbol] == nil then marks[symbol] = tonumber(redis.call('HGET', 'mark_prices', symbol)) or false end
  return marks[symbol]
end

local function position_of(account, symbol)
  local row = redis.call('HMGET', 'position:' .. account .. ':' .. symbol, 'quantity', 'cost')
  return tonumber(row[1]) or 0, tonumber(row[2]) or 0
end

local function value_of(contract, steps, ticks)
  return math.floor(steps * ticks * contract.multiplier / contract.divisor)
end

local function notional_of(contract, steps, ticks)
  return ceil_div(math.abs(steps) * ticks * contract.multiplier, contract.divisor)
end

local function margin_of(notional, basis_points)
  local whole = math.floor(notional / 10000)
  return whole * basis_points + ceil_div((notional - whole * 10000) * basis_points, 10000)
end

-- Equity, initial and maintenance margin of an account, one of its positions taken as given.
local function assess(account, balance, symbol, steps, cost)
  local equity, initial, maintenance = balance, 0, 0
  local held = redis.call('SMEMBERS', 'derivatives:symbols:' .. account)
  held[#held + 1] = symbol
  local seen = {}
  for _, key in ipairs(held) do
    if not seen[key] then
      seen[key] = true
      local quantity, paid = steps, cost
      if key ~= symbol then quantity, paid = position_of(account, key) end
      if quantity ~= 0 then
        local contract, mark = contract_of(key), mark_of(key)
        local notional = notional_of(contract, quantity, mark)
        equity = equity + value_of(contract, quantity, mark) - paid
        initial = initial + margin_of(notional, contract.initial)
        maintenance = maintenance + margin_of(notional, contract.maintenance)
      end
    end
  end
  return equity, initial, maintenance
end

-- The position after buying (steps > 0) or selling, what it cost, and the profit realised.
local function change_position(held, cost, steps, value)
  local signed = value
  if steps < 0 then signed = -value end
  if held == 0 or (held > 0) == (steps > 0) then return held + steps, cost + signed, 0 end
  if math.abs(steps) <= math.abs(held) then
    local released = share_up(cost, math.abs(steps), math.abs(held))
    return held + steps, cost - released, -signed - released
  end
  local opened = share_up(signed, math.abs(held + steps), math.abs(steps))
  return held + steps, opened, -(signed - opened) - cost
end

local function put_position(account, symbol, contract, steps, cost)
  local key = 'position:' .. account .. ':' .. symbol
  if steps == 0 then
    redis.call('DEL', key)
    redis.call('SREM', 'derivatives:symbols:' .. account, symbol)
    return
  end
  local size = math.abs(steps) * contract.multiplier
  local entry = math.floor(math.abs(cost) * contract.divisor / size + 0.5)
  redis.call('HSET', key, 'quantity', text(steps), 'entry_price', text(entry), 'cost', text(cost))
  redis.call('SADD', 'derivatives:symbols:' .. account, symbol)
end

local function note(kind, nonce, body, effects)
  local number = redis.call('INCR', SEQUENCE)
  redis.call('XADD', PENDING, number .. '-0', 'kind', kind, 'nonce', nonce, 'body', body, 'effects', effects)
  return number
end
