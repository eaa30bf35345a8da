-- The polls from which forecasts know the levels of some devices, with the life counter, one row a device. All supplies of a
-- device are read in one poll as a rule, so that each is named once. What is not merged yet may have several polls of a day.
SELECT
    device,
    groupUniqArray((toUInt32(last.1), last.2, last.5)) AS polls
FROM supply_day
WHERE $TENANT
    AND $DEVICES
    AND day >= toDate(toDateTime({from:UInt32}, 'UTC'))
    AND day <= toDate(toDateTime({to:UInt32}, 'UTC'))
GROUP BY device
ORDER BY device
