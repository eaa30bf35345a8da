-- The last word on each contract that was ever held.
SELECT
    toString(tenant) AS tenant, contract, toUnixTimestamp64Milli(ts) AS ts, held, reason
FROM invoice_holds
WHERE $TENANT
ORDER BY contract, invoice_holds.ts DESC
LIMIT 1 BY contract
LIMIT {rows_max:UInt64}
