-- The document with a number.
SELECT
    $HEADER, document
FROM invoices
WHERE $TENANT
    AND number = {number:UInt64}
ORDER BY invoice
LIMIT 1 BY number, invoice, sha256
LIMIT 1
