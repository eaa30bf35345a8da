-- One UTC day: for each device whether its meters only grew, by steps that it can print, with the first and last value of
-- each (-1: not read). A line with $EACH stands once for each meter; the last element of each list only ends it.
-- All lists of a device are gathered from the same rows in the same order, so where the stamps rise, the values stand in order
-- of time. Steady is never said of what is not: stamps that do not rise, a meter that some polls lack, values that do not fit
-- and a stamp after its arrival are unsteady here; what is only out of order, unordered_day.sql sorts.
SELECT
    device,
    toUInt8(
        arrayMin(arrayPopFront(arrayDifference(groupArray(toUInt32(polls.ts)) AS stamps))) >= (length(stamps) > 1)
        AND arrayMin(arrayDifference(groupArray(ifNull(polls.$EACH, -1)) AS $EACH_values) AS $EACH_steps) >= 0
        AND arrayMax($EACH_steps) <= {pages_max:Int64}
        AND ($EACH_values[1] < 0) = ($EACH_values[-1] < 0)
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
        $EACH_values[1],
        toInt64(-1)
    ] AS first,
    [
        $EACH_values[-1],
        toInt64(-1)
    ] AS last
FROM polls
WHERE $TENANT
    AND $DEVICES
    AND $SPAN
GROUP BY toDate(polls.ts), device
