-- Names of the meters without a column of their own that the tenant's devices have.
SELECT DISTINCT toString(arrayJoin(mapKeys(extra))) AS meter FROM polls WHERE $TENANT ORDER BY meter LIMIT {rows_max:UInt64}
