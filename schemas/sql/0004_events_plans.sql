CREATE TABLE IF NOT EXISTS events (
    tenant LowCardinality(String),
    cn LowCardinality(String),
    ts DateTime('UTC') CODEC(Delta, ZSTD(1)),
    kind LowCardinality(String),
    device String COMMENT 'empty for events of the agent or of ingest',
    epoch UInt64,
    seq UInt64,
    n UInt32 COMMENT 'index of the record in its body',
    clock UInt8,
    version UInt32,
    received DateTime('UTC'),
    fields Map(LowCardinality(String), String) CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant, cn, ts, kind, device, epoch, seq, n);

-- Where the values of polls come from; polls.plan = hash.
CREATE TABLE IF NOT EXISTS plans (
    tenant LowCardinality(String),
    hash String COMMENT 'hexadecimal',
    device String,
    ts DateTime('UTC'),
    version UInt32,
    received DateTime('UTC'),
    items Nested (
        name String,
        oid String,
        unit Int32,
        rule String
    )
) ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, hash, device);

-- A device whose key changed (new controller board, serial number learned late): readings of `device` belong to `alias_of`.
CREATE TABLE IF NOT EXISTS device_alias (
    tenant LowCardinality(String),
    device String,
    alias_of String,
    from_ts DateTime('UTC'),
    version UInt32,
    reason String
) ENGINE = ReplacingMergeTree(version)
ORDER BY (tenant, device, from_ts);
