-- Polls in rows against polls in the books, payload by payload.
SELECT
    cn,
    epoch,
    sum(stored) AS stored,
    sumIf(stored, NOT ledgered) AS unledgered,
    sumIf(booked - stored, booked > stored) AS missing
FROM (
    SELECT cn, epoch, seq, id, max(b) AS booked, max(s) AS stored, max(l) AS ledgered
    FROM (
        SELECT cn, epoch, seq, id, toUInt64(polls) AS b, toUInt64(0) AS s, true AS l
        FROM batches FINAL
        WHERE {cn:String} = '' OR cn = {cn:String}
        UNION ALL
        SELECT cn, epoch, seq, id, toUInt64(0) AS b, count() AS s, false AS l
        FROM polls FINAL
        WHERE tenant != 'service' AND ({cn:String} = '' OR (cn = {cn:String} AND tenant = splitByChar('.', {cn:String})[1]))
        GROUP BY cn, epoch, seq, id
    )
    GROUP BY cn, epoch, seq, id
)
GROUP BY cn, epoch
SETTINGS do_not_merge_across_partitions_select_final = 1
