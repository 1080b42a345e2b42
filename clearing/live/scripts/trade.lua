-- Decide one trade and, if both sides keep their margin, make it: one script, so that no two trades pass on one margin.
-- ARGV: nonce, symbol, buyer, seller, steps, ticks, 1 if the buyer asks, 1 if the price is the maker's quote,
--       business time in seconds, client id, body
local nonce, symbol, buyer, seller = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local steps, ticks, buyer_asks, quoted = tonumber(ARGV[5]), tonumber(ARGV[6]), ARGV[7] == '1', ARGV[8] == '1'
local now, client, body = tonumber(ARGV[9]), ARGV[10], ARGV[11]

if redis.call('EXISTS', SEQUENCE) == 0 then return {'NOT_LOADED'} end
if redis.call('EXISTS', 'derivatives:hold') == 1 then return {'HELD'} end
local asker = seller
if buyer_asks then asker = buyer end
local client_key = 'derivatives:client:' .. asker .. ':' .. client
if client ~= '' then
  local before = redis.call('GET', client_key)
  if before then return {'DUPLICATE', before} end
end
local contract = contract_of(symbol)
if not contract then return {'UNKNOWN_CONTRACT', symbol} end
if contract.status ~= 'ACTIVE' then return {'EXPIRED'} end
for _, account in ipairs({buyer, seller}) do
  local about = redis.call('HGET', ACCOUNTS, account)
  if not about then return {'UNKNOWN_ACCOUNT', account} end
  if about ~= contract.currency .. ':PARTICIPANT' then return {'OTHER_CURRENCY', account} end
end
local mark = mark_of(symbol)
if not mark then return {'NO_MARK'} end
local marked_at = tonumber(redis.call('HGET', MARKED_AT, symbol)) or 0
if now - marked_at > contract.stale_after then return {'STALE_MARK', text(marked_at)} end
if math.abs(ticks - mark) * 10000 > mark * contract.price_band then return {'PRICE_OFF', text(mark)} end
if quoted and ((buyer_asks and ticks < mark) or (not buyer_asks and ticks > mark)) then
  return {'BETTER_THAN_MARK', text(mark)}
end

local value = value_of(contract, steps, ticks)
if buyer_asks then value = notional_of(contract, steps, ticks) end
local after = {}
for _, side in ipairs({{buyer, steps}, {seller, -steps}}) do
  local account, change = side[1], side[2]
  local balance = tonumber(redis.call('HGET', 'balances', account)) or 0
  local held, cost = position_of(account, symbol)
  local equity, _, maintenance = assess(account, balance, symbol, held, cost)
  if equity < maintenance then return {'IN_LIQUIDATION', account, text(equity), text(maintenance)} end
  local left, left_cost, profit = change_position(held, cost, change, value)
  if math.abs(left) > contract.limit then return {'POSITION_LIMIT', account, text(contract.limit)} end
  local initial
  equity, initial, maintenance = assess(account, balance + profit, symbol, left, left_cost)
  local needed = initial
  if math.abs(left) < math.abs(held) and left * held >= 0 then needed = maintenance end
  if equity < needed then return {'INSUFFICIENT_MARGIN', account, text(equity), text(needed)} end
  after[#after + 1] = {account = account, steps = left, cost = left_cost, change = left_cost - cost, profit = profit,
    held = held, balance = balance}
end
for _, side in ipairs(after) do
  put_position(side.account, symbol, contract, side.steps, side.cost)
  if side.profit ~= 0 then redis.call('HINCRBY', 'balances', side.account, text(side.profit)) end
end
if client ~= '' then redis.call('SET', client_key, nonce, 'EX', 3600) end
-- At the end what the asker had before, for the audit log.
local own = after[2]
if buyer_asks then own = after[1] end
local effects = table.concat({text(value), text(after[1].change), text(after[1].profit),
  text(after[2].change), text(after[2].profit), text(own.held), text(own.balance)}, ' ')
return {'DONE', note('TRADE', nonce, body, effects)}
