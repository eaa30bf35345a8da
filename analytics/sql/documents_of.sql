-- The issued documents of one contract with their bytes, in the order of their numbers.
SELECT
    toString(tenant) AS tenant, number, invoice, toString(kind) AS kind, contract, contract_version,
    toInt32(period_start) AS period_start, toInt32(period_end) AS period_end, revision, toUInt32(as_of) AS as_of,
    toUInt32(issued) AS issued, toString(currency) AS currency, total, lines, sha256, previous_sha256, document
FROM invoices
WHERE $TENANT
    AND contract = {contract:String}
ORDER BY number, invoice
LIMIT 1 BY number, invoice, sha256
LIMIT {rows_max:UInt64}
