-- The same as unordered_day.sql for the meters without a column of their own, one row per device and meter.
SELECT
    device,
    toString(extra_meter) AS meter,
    toUInt8(
        min(extra_value) >= 0
        AND max(extra_value) < 70368744177664
        AND countEqual(arrayDifference(arraySort(groupArray(toUInt64(toUInt32(polls.ts) % 86400) * 70368744177664 + toUInt64(extra_value))) AS found), 0) = countEqual(arrayDifference(arrayMap(one -> bitShiftRight(one, 46), found)), 0)
        AND arrayMin(arrayDifference(arrayMap(one -> toInt64(bitAnd(one, 70368744177663)), found) AS found_values) AS steps) >= 0
        AND arrayMax(steps) <= {pages_max:Int64}
    ) AS steady,
    found_values[1] AS first,
    found_values[-1] AS last
FROM polls
ARRAY JOIN mapKeys(extra) AS extra_meter, mapValues(extra) AS extra_value
WHERE $TENANT
    AND $DEVICES
    AND $SPAN
GROUP BY device, meter
