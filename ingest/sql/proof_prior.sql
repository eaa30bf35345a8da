-- What later epochs say of earlier ones.
SELECT cn, prior.1 AS epoch, max(prior.2) AS taken, max(prior.3) AS oldest
FROM stats
ARRAY JOIN arrayZip(prior_epoch, prior_taken, prior_oldest) AS prior
WHERE {cn:String} = '' OR cn = {cn:String}
GROUP BY cn, epoch
