-- Payloads whose header could not be read: they have no place in any epoch.
SELECT count() AS payloads FROM batches FINAL WHERE seq = 0 AND ({cn:String} = '' OR cn = {cn:String})
