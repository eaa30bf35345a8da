-- The last poll of each device at or before an instant and the first one after it, as far as a span around it has them; of
-- repeats, the first delivery. In order of device and time.
SELECT
    device, toUInt32(polls.ts) AS ts, toString(cn) AS cn, toUInt32(polls.received) AS received, epoch, seq,
    lower(hex(id)) AS payload, toString(plan) AS plan,
    [$METERS] AS canonical,
    extra
FROM polls
WHERE $TENANT
    AND $DEVICES
    AND $SPAN
    AND (device, polls.ts) IN (
        SELECT device, arrayJoin([
            maxIf(polls.ts, polls.ts <= toDateTime({boundary:UInt32}, 'UTC')),
            minIf(polls.ts, polls.ts > toDateTime({boundary:UInt32}, 'UTC'))
        ])
        FROM polls
        WHERE $TENANT
            AND $DEVICES
            AND $SPAN
        GROUP BY device
    )
ORDER BY device, polls.ts, polls.cn, version DESC
LIMIT 1 BY device, polls.ts, polls.cn
