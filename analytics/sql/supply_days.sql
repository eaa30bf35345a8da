-- The last level of each day of all supplies of some devices, one row a supply, the days in any order.
SELECT
    device, toString(slot) AS slot,
    groupArray(toUInt32(last.1)) AS ts,
    groupArray(last.3) AS level,
    groupArray(last.4) AS max,
    groupArray(last.5) AS total,
    groupArray(last.6) AS color_pages,
    groupArray(last.7) AS serial
FROM supply_day FINAL
WHERE $TENANT
    AND device IN {devices:Array(String)}
    AND day >= toDate(toDateTime({from:UInt32}, 'UTC'))
    AND day <= toDate(toDateTime({to:UInt32}, 'UTC'))
GROUP BY device, slot
ORDER BY device, slot
