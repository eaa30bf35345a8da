-- Which canonical meters any device of the tenant has. A line with $EACH stands once for each meter.
SELECT
    [
        toUInt8(max($EACH).1 > toDateTime(0, 'UTC')),
        0
    ] AS seen
FROM counter_last
WHERE $TENANT
