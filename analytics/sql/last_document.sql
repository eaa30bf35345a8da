-- The header of the document with the highest number, without its bytes.
SELECT
    toString(tenant) AS tenant, number, invoice, toString(kind) AS kind, contract, contract_version,
    toInt32(period_start) AS period_start, toInt32(period_end) AS period_end, revision, toUInt32(as_of) AS as_of,
    toUInt32(issued) AS issued, toString(currency) AS currency, total, lines, sha256, previous_sha256, '' AS document
FROM invoices
WHERE $TENANT
ORDER BY number DESC, invoice
LIMIT 1
