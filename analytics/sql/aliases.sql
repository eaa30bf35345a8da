-- Devices whose key changed; of repeats, the newest version.
SELECT device, alias_of, toUInt32(from_ts) AS from_ts
FROM device_alias
WHERE $TENANT
ORDER BY device, from_ts, version DESC
LIMIT 1 BY device, from_ts
LIMIT {rows_max:UInt64}
