-- Polls in rows against polls in the books, payload by payload.
SELECT
    cn,
    epoch,
    sum(in_rows) AS stored,
    sumIf(in_rows, NOT ledgered) AS unledgered,
    sumIf(toUInt64(in_books - in_rows), in_books > in_rows) AS missing
FROM (
    SELECT cn, epoch, seq, id, max(b) AS in_books, max(s) AS in_rows, max(l) AS ledgered
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
-- The key holds the day, so that repeats of a poll are always in one partition.
SETTINGS do_not_merge_across_partitions_select_final = 1
