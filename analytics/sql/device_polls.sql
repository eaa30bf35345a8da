-- What some devices said in a span; of repeats, the first delivery. In order of device and time.
SELECT
    device, toUInt32(polls.ts) AS ts, toString(cn) AS cn, toUInt32(polls.received) AS received, epoch, seq,
    lower(hex(id)) AS payload, toString(plan) AS plan,
    [$METERS] AS canonical,
    extra
FROM polls
WHERE $TENANT
    AND $DEVICES
    AND $SPAN
ORDER BY device, polls.ts, polls.cn, version DESC
LIMIT 1 BY device, polls.ts, polls.cn
