-- The header of the document with the highest number, without its bytes.
SELECT
    $HEADER, '' AS document
FROM invoices
WHERE $TENANT
ORDER BY number DESC, invoice
LIMIT 1
