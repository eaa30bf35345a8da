-- Devices of which something was read in a span, as far as it had arrived by then.
SELECT DISTINCT device
FROM polls
WHERE $TENANT
    AND $DEVICES
    AND polls.ts >= toDateTime({from:UInt32}, 'UTC')
    AND polls.ts < toDateTime({to:UInt32}, 'UTC')
    AND polls.received <= toDateTime({as_of:UInt32}, 'UTC')
    AND clock = 0
    AND outcome <= 1
ORDER BY device
LIMIT {rows_max:UInt64}
