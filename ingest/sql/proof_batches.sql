-- Payloads of each epoch; polls_due: polls, and records rejected one by one, up to the last seq that the agent has stated.
SELECT
    b.cn AS cn,
    b.epoch AS epoch,
    countIf(b.status = 3) AS committed,
    countIf(b.status = 2) AS held,
    countIf(b.status = 1) AS rejected,
    sum(toUInt64(b.polls)) AS polls,
    sum(toUInt64(b.rejected_records)) AS rejected_records,
    sumIf(toUInt64(b.polls) + toUInt64(b.rejected_records), b.seq <= s.taken) AS polls_due,
    max(b.received) AS last_received
FROM batches AS b FINAL
LEFT JOIN (SELECT cn, epoch, max(taken) AS taken FROM stats GROUP BY cn, epoch) AS s ON b.cn = s.cn AND b.epoch = s.epoch
WHERE b.seq > 0 AND ({cn:String} = '' OR b.cn = {cn:String})
GROUP BY cn, epoch
ORDER BY cn, epoch
