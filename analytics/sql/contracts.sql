-- Contracts in all their versions; of one contract, or with an empty name of all.
SELECT
    toString(tenant) AS tenant, contract, version, toUInt32(applied) AS applied, sha256, text
FROM contracts
WHERE $TENANT
    AND xor({contract:String} = '', contract = {contract:String})
ORDER BY contract, version
LIMIT 1 BY contract, version
LIMIT {rows_max:UInt64}
