-- Polls whose time is not sure: they are never billed by themselves, so a person should know of them.
SELECT device, uniqExact(ts, cn) AS polls
FROM polls
WHERE $TENANT
    AND clock = 1
    AND received <= toDateTime({as_of:UInt32}, 'UTC')
    AND ts >= toDateTime({from:UInt32}, 'UTC')
    AND ts <= toDateTime({to:UInt32}, 'UTC')
GROUP BY device
ORDER BY device
LIMIT {rows_max:UInt64}
