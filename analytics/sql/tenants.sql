-- Who has devices: the only question that is not about one tenant.
SELECT DISTINCT toString(tenant) AS tenant FROM device_last ORDER BY tenant LIMIT {rows_max:UInt64}
