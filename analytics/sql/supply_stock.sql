-- The last count of every kind of cartridge at every site.
SELECT
    toString(tenant) AS tenant, toString(site) AS site, toString(model) AS model, toString(supply) AS supply,
    toUnixTimestamp64Milli(ts) AS ts, count, toString(source) AS source, note
FROM supply_stock
WHERE $TENANT
ORDER BY site, model, supply, supply_stock.ts DESC
LIMIT 1 BY site, model, supply
LIMIT {rows_max:UInt64}
