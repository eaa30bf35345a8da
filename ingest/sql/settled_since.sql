SELECT cn, epoch, seq, id FROM batches WHERE received >= toDateTime(?) ORDER BY received DESC LIMIT ?
