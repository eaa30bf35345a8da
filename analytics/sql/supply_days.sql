-- The levels of some days of all supplies of some devices, one row a supply, in any order. What is not merged yet may have
-- several levels of a day; the greatest (ts, version) of them is the last one, as the reader takes it: FINAL costs five times as much.
-- One element stands for what never changed.
SELECT
    device, toString(slot) AS slot,
    groupArray(bitShiftLeft(toUInt64(toUInt32(last.1)), 32) + last.2) AS moment,
    groupArray(last.3) AS level,
    if(min(last.4) = max(last.4), [max(last.4)], groupArray(last.4)) AS max,
    groupArray(last.5) AS total,
    groupArray(last.6) AS color_pages,
    if(min(last.7) = max(last.7), [min(if(empty(last.7), 0, greatest(xxHash32(last.7), 1)))],
        groupArray(if(empty(last.7), 0, greatest(xxHash32(last.7), 1)))) AS serial
FROM supply_day
WHERE $TENANT
    AND $DEVICES
    AND day >= toDate(toDateTime({from:UInt32}, 'UTC'))
    AND day <= toDate(toDateTime({to:UInt32}, 'UTC'))
GROUP BY device, slot
