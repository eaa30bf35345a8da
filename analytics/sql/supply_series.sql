-- Levels of the supplies of some devices with the meters of the same poll; of repeats, the first delivery.
SELECT
    device, toString(slot) AS slot, toUInt32(ts) AS ts, level, max, serial, total, color_pages
FROM supply_reads
WHERE $TENANT
    AND device IN {devices:Array(String)}
    AND clock = 0
    AND ts >= toDateTime({from:UInt32}, 'UTC')
    AND ts <= toDateTime({to:UInt32}, 'UTC')
ORDER BY device, supply_reads.slot, supply_reads.ts, cn, version DESC
LIMIT 1 BY device, supply_reads.slot, supply_reads.ts, cn
