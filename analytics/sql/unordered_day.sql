-- The same as steady_day.sql from readings in any order.
-- A reading is one number here: its second of the day, then 46 bits of value, so that sorting puts readings in order of time
-- from however many parts they come. Values that do not fit, two values for one second and a stamp after its arrival are
-- unsteady; the same reading twice is not.
SELECT
    device,
    toUInt8(
        countIf(polls.ts > polls.received + 300) = 0
        AND ifNull(min(polls.$EACH), 0) >= 0
        AND ifNull(max(polls.$EACH), 0) < 70368744177664
        AND countEqual(arrayDifference(arraySort(groupArray(toUInt64(toUInt32(polls.ts) % 86400) * 70368744177664 + toUInt64(polls.$EACH))) AS $EACH_reads), 0) = countEqual(arrayDifference(arrayMap(one -> bitShiftRight(one, 46), $EACH_reads)), 0)
        AND arrayMin(arrayDifference(arrayMap(one -> toInt64(bitAnd(one, 70368744177663)), $EACH_reads) AS $EACH_values) AS $EACH_steps) >= 0
        AND arrayMax($EACH_steps) <= {pages_max:Int64}
        AND 1
    ) AS steady,
    toUInt8(max(notEmpty(extra))) AS extras,
    toUInt32(uniqExact(polls.ts)) AS instants,
    toUInt32(min(polls.ts)) AS first_ts,
    toUInt32(max(polls.ts)) AS last_ts,
    [
        if(empty($EACH_values), -1, $EACH_values[1]),
        toInt64(-1)
    ] AS first,
    [
        if(empty($EACH_values), -1, $EACH_values[-1]),
        toInt64(-1)
    ] AS last
FROM polls
WHERE $TENANT
    AND $DEVICES
    AND $SPAN
GROUP BY toDate(polls.ts), device
