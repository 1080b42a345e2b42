-- Do what was worked out over a snapshot, if nothing has moved since.
-- ARGV: the snapshot's sequence, nonce, kind, body, changes as JSON whose numbers are strings:
--       balances [account, amount], positions [account, symbol, steps, cost], marks [symbol, ticks, at], expired [symbol]
if redis.call('EXISTS', SEQUENCE) == 0 then return {'NOT_LOADED'} end
if redis.call('GET', SEQUENCE) ~= ARGV[1] then return {'MOVED'} end
local changes = cjson.decode(ARGV[5])
for _, row in ipairs(changes.balances) do redis.call('HINCRBY', 'balances', row[1], row[2]) end
for _, row in ipairs(changes.positions) do
  put_position(row[1], row[2], contract_of(row[2]), tonumber(row[3]), tonumber(row[4]))
end
for _, row in ipairs(changes.marks) do
  redis.call('HSET', 'mark_prices', row[1], row[2])
  redis.call('HSET', MARKED_AT, row[1], row[3])
end
for _, symbol in ipairs(changes.expired) do redis.call('HSET', 'derivatives:contract:' .. symbol, 'status', 'EXPIRED') end
return {'DONE', note(ARGV[3], ARGV[2], ARGV[4], '')}
