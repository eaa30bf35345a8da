-- Devices with reads that no agent took.
SELECT DISTINCT device FROM manual_reads WHERE $TENANT ORDER BY device LIMIT {rows_max:UInt64}
