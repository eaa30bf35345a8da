-- Devices of which something was read in a span, as far as it had arrived by then.
SELECT DISTINCT device
FROM polls
WHERE $TENANT
    AND $DEVICES
    AND $SPAN
ORDER BY device
LIMIT {rows_max:UInt64}
