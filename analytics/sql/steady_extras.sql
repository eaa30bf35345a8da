-- The same as steady_day.sql for the meters without a column of their own, one row per device and meter. Whether times
-- come one after another is asked there.
SELECT
    device,
    toString(extra_meter) AS meter,
    toUInt8(
        arrayCount(step -> step <= 0, arrayDifference(groupArray(toUInt32(polls.ts)))) = 1
        AND arrayMin(arrayDifference(groupArray(extra_value) AS found) AS steps) >= 0
        AND arrayMax(steps) <= {pages_max:Int64}
        AND arrayMin(found) >= 0
    ) AS steady,
    length(found) AS reads,
    found[1] AS first,
    found[-1] AS last
FROM polls
ARRAY JOIN mapKeys(extra) AS extra_meter, mapValues(extra) AS extra_value
WHERE $TENANT
    AND $DEVICES
    AND polls.ts >= toDateTime({from:UInt32}, 'UTC')
    AND polls.ts < toDateTime({to:UInt32}, 'UTC')
    AND polls.received <= toDateTime({as_of:UInt32}, 'UTC')
    AND clock = 0
    AND outcome <= 1
GROUP BY device, meter
