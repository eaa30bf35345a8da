-- What some devices said and what had arrived by then; of repeats, the first delivery. In order of device and time.
SELECT
    device, toUInt32(ts) AS ts, toString(cn) AS cn, toUInt32(received) AS received, epoch, seq,
    total, mono, color, print, print_mono, print_color, copy, copy_mono, copy_color, fax, scan, a3, a3_mono, a3_color, duplex,
    extra
FROM polls
WHERE $TENANT
    AND device IN {devices:Array(String)}
    AND received <= toDateTime({as_of:UInt32}, 'UTC')
    AND clock = 0
    AND outcome <= 1
ORDER BY device, polls.ts, polls.cn, version DESC
LIMIT 1 BY device, polls.ts, polls.cn
