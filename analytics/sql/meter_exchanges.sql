-- Counters that were replaced, as far as it was known by then.
SELECT
    toString(tenant) AS tenant, device, toString(meter) AS meter, toUInt32(ts) AS ts, old_value, new_value,
    toUInt32(received) AS received, toString(source) AS source, note
FROM meter_exchanges
WHERE $TENANT
    AND meter_exchanges.received <= toDateTime({as_of:UInt32}, 'UTC')
ORDER BY device, meter, meter_exchanges.ts, old_value, new_value, meter_exchanges.received
LIMIT 1 BY device, meter, meter_exchanges.ts, old_value, new_value
LIMIT {rows_max:UInt64}
