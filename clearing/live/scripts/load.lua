-- Put the live state of the database in place of whatever is here. What was pending is dropped: nobody was told of it.
-- ARGV: JSON whose numbers are strings: sequence, accounts [id, currency:purpose, balance], positions, marks, contracts
local state = cjson.decode(ARGV[1])
for _, pattern in ipairs({'position:*', 'derivatives:*'}) do
  for _, key in ipairs(redis.call('KEYS', pattern)) do redis.call('DEL', key) end
end
redis.call('DEL', 'balances', 'mark_prices')
for _, row in ipairs(state.contracts) do redis.call('HSET', 'derivatives:contract:' .. row[1], unpack(row[2])) end
for _, row in ipairs(state.accounts) do
  redis.call('HSET', ACCOUNTS, row[1], row[2])
  redis.call('HSET', 'balances', row[1], row[3])
end
for _, row in ipairs(state.positions) do
  put_position(row[1], row[2], contract_of(row[2]), tonumber(row[3]), tonumber(row[4]))
end
for _, row in ipairs(state.marks) do
  redis.call('HSET', 'mark_prices', row[1], row[2])
  redis.call('HSET', MARKED_AT, row[1], row[3])
end
redis.call('SET', SEQUENCE, state.sequence)
return 'DONE'
