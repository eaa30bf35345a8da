-- What became of each payload. status: 1 rejected, 2 held, 3 committed; the highest wins, then the first delivery,
-- because version = status * 4294967296 + (4294967295 - received). Written after the rows, before the ack.
CREATE TABLE IF NOT EXISTS batches (
    tenant LowCardinality(String),
    cn LowCardinality(String),
    epoch UInt64 CODEC(ZSTD(1)),
    seq UInt64 CODEC(Delta, ZSTD(1)),
    id FixedString(16) CODEC(ZSTD(1)),
    status UInt8,
    version UInt64 CODEC(ZSTD(1)),
    received DateTime('UTC') CODEC(Delta, ZSTD(1)),
    bytes UInt32 CODEC(ZSTD(1)),
    records UInt32 CODEC(ZSTD(1)),
    polls UInt32 CODEC(ZSTD(1)),
    rejected_records UInt32 CODEC(ZSTD(1)),
    reason String CODEC(ZSTD(1)),
    worker LowCardinality(String)
) ENGINE = ReplacingMergeTree(version)
ORDER BY (cn, epoch, seq, id);

-- The bytes of payloads that could not be committed: held for an upgrade, or rejected with the reason.
CREATE TABLE IF NOT EXISTS kept (
    tenant LowCardinality(String),
    cn LowCardinality(String),
    epoch UInt64,
    seq UInt64,
    id FixedString(16),
    status UInt8,
    version UInt64,
    received DateTime('UTC'),
    reason String CODEC(ZSTD(1)),
    payload String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
ORDER BY (cn, id);

-- Single records that are impossible (a stamp in the year 1900, say), without cost to their batch.
CREATE TABLE IF NOT EXISTS rejected_records (
    tenant LowCardinality(String),
    cn LowCardinality(String),
    epoch UInt64,
    seq UInt64,
    id FixedString(16),
    n UInt32 COMMENT 'index of the record in its body',
    version UInt32,
    received DateTime('UTC'),
    reason String CODEC(ZSTD(1)),
    record String COMMENT 'as JSON' CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
ORDER BY (cn, epoch, seq, id, n);
