-- Forecasts that were given of some devices in a span; of repeats, one.
SELECT
    toString(tenant) AS tenant, device, toString(slot) AS slot, toUInt32(as_of) AS as_of, toString(supply) AS supply,
    toString(model) AS model, toString(site) AS site, constants, p10, p50, p90, expected_error, level, reason
FROM forecasts
WHERE $TENANT
    AND device IN {devices:Array(String)}
    AND as_of >= toDateTime({from:UInt32}, 'UTC')
    AND as_of <= toDateTime({to:UInt32}, 'UTC')
ORDER BY device, forecasts.slot, forecasts.as_of
LIMIT 1 BY device, slot, as_of
LIMIT {rows_max:UInt64}
