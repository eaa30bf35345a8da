-- What agents state, read at its strictest: the highest of every statement of an epoch.
SELECT
    cn, epoch,
    max(stats.taken) AS taken,
    max(stats.polls_taken) AS polls_taken,
    max(stats.oldest) AS oldest,
    max(stats.ts) AS ts,
    max(stats.received) AS last_received
FROM stats
WHERE {cn:String} = '' OR cn = {cn:String}
GROUP BY cn, epoch
