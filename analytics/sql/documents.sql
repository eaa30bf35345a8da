-- All issued documents with their bytes, in the order of their numbers. The same document written twice is one.
SELECT
    $HEADER, document
FROM invoices
WHERE $TENANT
ORDER BY number, invoice
LIMIT 1 BY number, invoice, sha256
