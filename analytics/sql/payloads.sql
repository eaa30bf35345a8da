-- What became of some payloads.
SELECT
    lower(hex(id)) AS payload, toString(cn) AS cn, epoch, seq, status, toUInt32(batches.received) AS received, bytes, records
FROM batches
WHERE $TENANT
    AND cn IN {agents:Array(String)}
    AND lower(hex(id)) IN {payloads:Array(String)}
ORDER BY batches.cn, epoch, seq, id, version DESC
LIMIT 1 BY batches.cn, epoch, seq, id
LIMIT {rows_max:UInt64}
