-- The issued documents of one contract with their bytes, in the order of their numbers.
SELECT
    $HEADER, document
FROM invoices
WHERE $TENANT
    AND contract = {contract:String}
ORDER BY number, invoice
LIMIT 1 BY number, invoice, sha256
LIMIT {rows_max:UInt64}
