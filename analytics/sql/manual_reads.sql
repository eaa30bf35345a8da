-- Reads of some devices that no agent took, as far as they were known by then.
SELECT
    toString(tenant) AS tenant, device, toString(meter) AS meter, toUInt32(ts) AS ts, value, toUInt32(received) AS received,
    CAST(sent, 'Nullable(UInt32)') AS sent, toString(source) AS source, note
FROM manual_reads
WHERE $TENANT
    AND device IN {devices:Array(String)}
    AND manual_reads.received <= toDateTime({as_of:UInt32}, 'UTC')
ORDER BY device, meter, manual_reads.ts, manual_reads.received, value
LIMIT 1 BY device, meter, manual_reads.ts, manual_reads.received, value
LIMIT {rows_max:UInt64}
