-- Places in the books that two payloads claim, and repeated deliveries that no merge has removed yet.
SELECT
    cn,
    epoch,
    countIf(ids > 1) AS conflicts,
    groupArrayIf(20)(seq, ids > 1) AS seqs,
    sum(deliveries - ids) AS repeats
FROM (
    SELECT cn, epoch, seq, uniqExact(id) AS ids, count() AS deliveries
    FROM batches
    WHERE seq > 0 AND ({cn:String} = '' OR cn = {cn:String})
    GROUP BY cn, epoch, seq
)
GROUP BY cn, epoch
HAVING conflicts > 0 OR repeats > 0
