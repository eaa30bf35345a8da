SELECT cn, sum(toUInt64(bytes)) AS bytes FROM batches FINAL WHERE received >= toDateTime(?) GROUP BY cn
