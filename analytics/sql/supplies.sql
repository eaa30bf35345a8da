-- The tenant's supplies and what is known of them.
SELECT
    device,
    toString(slot) AS slot,
    max(class).3 AS class,
    max(kind).3 AS kind,
    max(color).3 AS color,
    max(description).3 AS description,
    max(part).3 AS part
FROM supply_last
WHERE $TENANT
GROUP BY device, slot
ORDER BY device, slot
LIMIT {rows_max:UInt64}
