-- All readings of a span, for export; of repeats, the first delivery.
SELECT
    device, toUInt32(ts) AS ts, toString(cn) AS cn, toUInt32(received) AS received, epoch, seq,
    toString(site) AS site, toString(zone) AS zone, clock, toString(maker) AS maker, toString(model) AS model, serial,
    [$METERS] AS canonical,
    extra
FROM polls
WHERE $TENANT
    AND outcome <= 1
    AND ts >= toDateTime({from:UInt32}, 'UTC')
    AND ts < toDateTime({to:UInt32}, 'UTC')
ORDER BY toDate(polls.ts), device, polls.ts, polls.cn, version DESC
LIMIT 1 BY device, polls.ts, polls.cn
