SELECT cn, epoch, from_seq, to_seq, cause, polls
FROM drops FINAL
WHERE {cn:String} = '' OR cn = {cn:String}
ORDER BY cn, epoch, from_seq, to_seq
