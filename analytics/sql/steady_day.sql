-- One UTC day: for each device whether its meters only grew, by steps that it can print, with the first and last value of
-- each. A line with $EACH stands once for each meter; the last element of each list only ends it.
-- Steady is never said of what is not, in whatever order and from however many parts the rows come: the times ascend
-- strictly along the same list along which no value falls. A list in a wrong order is unsteady and is looked at in full.
SELECT
    device,
    toUInt8(
        arrayCount(step -> step <= 0, arrayDifference(groupArray(toUInt32(polls.ts)) AS times)) = 1
        AND countIf(polls.ts > polls.received + 300) = 0
        AND arrayMin(arrayDifference(groupArray(polls.$EACH) AS $EACH_values) AS $EACH_steps) >= 0
        AND arrayMax($EACH_steps) <= {pages_max:Int64}
        AND arrayMin($EACH_values) >= 0
        AND 1
    ) AS steady,
    toUInt32(min(polls.ts)) AS first_ts,
    toUInt32(max(polls.ts)) AS last_ts,
    [
        length($EACH_values),
        0
    ] AS reads,
    [
        $EACH_values[1],
        toInt64(0)
    ] AS first,
    [
        $EACH_values[-1],
        toInt64(0)
    ] AS last
FROM polls
WHERE $TENANT
    AND $DEVICES
    AND polls.ts >= toDateTime({from:UInt32}, 'UTC')
    AND polls.ts < toDateTime({to:UInt32}, 'UTC')
    AND polls.received <= toDateTime({as_of:UInt32}, 'UTC')
    AND clock = 0
    AND outcome <= 1
GROUP BY device
