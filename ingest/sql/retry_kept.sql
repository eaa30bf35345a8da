SELECT * FROM kept FINAL WHERE status IN ? ORDER BY cn, id
