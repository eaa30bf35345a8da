-- The tenant's devices and what is known of them.
SELECT
    device,
    toUInt32(min(first_seen)) AS first_seen,
    toUInt32(max(last_ok)) AS last_ok,
    max(basis).3 AS basis,
    max(model).3 AS model,
    max(site).3 AS site
FROM device_last
WHERE $TENANT
GROUP BY device
ORDER BY device
LIMIT {rows_max:UInt64}
