-- Every change of every order, by order and time; of repeats, one.
SELECT
    toString(tenant) AS tenant, order_id, device, toString(slot) AS slot, toUnixTimestamp64Milli(ts) AS ts,
    toString(state) AS state, toString(supply) AS supply, toString(site) AS site, toUInt16(ship_by) AS ship_by,
    toString(source) AS source, note
FROM supply_orders
WHERE $TENANT
ORDER BY order_id, supply_orders.ts, supply_orders.state
LIMIT 1 BY order_id, supply_orders.ts, supply_orders.state
LIMIT {rows_max:UInt64}
