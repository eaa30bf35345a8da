SELECT cn, epoch, seq, id FROM batches WHERE (cn, epoch, seq) IN ?
