-- What some plans say of their values: where each was read.
SELECT hash, items.name AS names, items.oid AS oids, items.rule AS rules
FROM plans
WHERE $TENANT
    AND hash IN {plans:Array(String)}
ORDER BY hash, device, version DESC
LIMIT 1 BY hash
LIMIT {rows_max:UInt64}
