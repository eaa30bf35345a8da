-- One UTC day: for each device whether its meters only grew, by steps that it can print, with the first and last value of
-- each (-1: not read). A line with $EACH stands once for each meter; the last element of each list only ends it.
-- All that is said of a device is gathered from the same rows in the same order, so where the stamps rise, the values came in
-- order of time: deltaSum adds up only what a value rose, which is the last less the first only if none ever fell. Steady is
-- never said of what is not: stamps that do not rise, a meter that some polls lack, values that do not fit (their sum might
-- wrap), a stamp after its arrival and more pages in the day than one step may have are unsteady here; unordered_day.sql
-- sorts and looks at each step.
SELECT
    device,
    toUInt8(
        arrayMin(arrayPopFront(arrayDifference(groupArray(toUInt32(polls.ts)) AS stamps))) >= (length(stamps) > 1)
        AND (last_value(ifNull(polls.$EACH, -1)) AS $EACH_last) - (first_value(ifNull(polls.$EACH, -1)) AS $EACH_first) = deltaSum(ifNull(polls.$EACH, -1))
        AND $EACH_last - $EACH_first <= {pages_max:Int64}
        AND ($EACH_first < 0) = ($EACH_last < 0)
        AND countIf(
            (polls.ts > polls.received + 300)
            + (toUInt64(ifNull(polls.$EACH, 0)) > 70368744177663)
            > 0
        ) = 0
    ) AS steady,
    toUInt8(max(notEmpty(extra))) AS extras,
    toUInt32(length(stamps)) AS instants,
    stamps[1] AS first_ts,
    stamps[-1] AS last_ts,
    [
        $EACH_first,
        toInt64(-1)
    ] AS first,
    [
        $EACH_last,
        toInt64(-1)
    ] AS last
FROM polls
WHERE $TENANT
    AND $DEVICES
    AND $SPAN
GROUP BY toDate(polls.ts), device
