-- What agents say of their own books, as of ts.
CREATE TABLE IF NOT EXISTS stats (
    tenant LowCardinality(String),
    cn LowCardinality(String),
    epoch UInt64 CODEC(ZSTD(1)),
    seq UInt64 COMMENT 'of the payload that carried it' CODEC(Delta, ZSTD(1)),
    ts DateTime('UTC') CODEC(Delta, ZSTD(1)),
    version UInt32,
    received DateTime('UTC') CODEC(Delta, ZSTD(1)),
    taken UInt64 COMMENT 'highest seq given' CODEC(Delta, ZSTD(1)),
    polls_taken UInt64 CODEC(Delta, ZSTD(1)),
    oldest UInt64 COMMENT 'lowest seq still held' CODEC(Delta, ZSTD(1)),
    dropped UInt64 CODEC(ZSTD(1)),
    polls_dropped UInt64 CODEC(ZSTD(1)),
    spool_bytes UInt64 CODEC(ZSTD(1)),
    disk_bytes UInt64 CODEC(ZSTD(1)),
    devices UInt32 CODEC(ZSTD(1)),
    lan_packets UInt64 CODEC(ZSTD(1)),
    lan_bytes UInt64 CODEC(ZSTD(1)),
    wan_bytes UInt64 CODEC(ZSTD(1)),
    polls_failed UInt64 CODEC(ZSTD(1)),
    agent_version LowCardinality(String),
    prior_epoch Array(UInt64) COMMENT 'earlier epochs of this agent',
    prior_taken Array(UInt64) COMMENT 'what each had given, at least',
    prior_oldest Array(UInt64)
) ENGINE = ReplacingMergeTree(version)
ORDER BY (cn, epoch, seq, ts);

-- Seqs that agents gave up, with the cause.
CREATE TABLE IF NOT EXISTS drops (
    tenant LowCardinality(String),
    cn LowCardinality(String),
    epoch UInt64,
    from_seq UInt64,
    to_seq UInt64 COMMENT 'included',
    cause LowCardinality(String),
    polls UInt64,
    ts DateTime('UTC'),
    version UInt32,
    received DateTime('UTC')
) ENGINE = ReplacingMergeTree(version)
ORDER BY (cn, epoch, from_seq, to_seq, cause);
