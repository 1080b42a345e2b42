-- Make contracts and accounts known that are new in the database; what is known already stays as it is.
-- ARGV: JSON as load.lua takes it, without positions and marks; balances begin at zero.
if redis.call('EXISTS', SEQUENCE) == 0 then return {'NOT_LOADED'} end
local state = cjson.decode(ARGV[1])
for _, row in ipairs(state.contracts) do redis.call('HSET', 'derivatives:contract:' .. row[1], unpack(row[2])) end
for _, row in ipairs(state.accounts) do
  redis.call('HSET', ACCOUNTS, row[1], row[2])
  redis.call('HSETNX', 'balances', row[1], '0')
end
return {'DONE'}
