-- Runs of seqs that are in batches, whatever their status.
SELECT cn, epoch, min(seq) AS first, max(seq) AS last
FROM (
    SELECT cn, epoch, seq, seq - row_number() OVER (PARTITION BY cn, epoch ORDER BY seq) AS island
    FROM (
        SELECT DISTINCT cn, epoch, seq
        FROM batches
        WHERE seq > 0 AND ({cn:String} = '' OR cn = {cn:String})
    )
)
GROUP BY cn, epoch, island
ORDER BY cn, epoch, first
