-- Contracts as they were applied, one row a version. Nothing is ever changed in place: a change is the next version.
CREATE TABLE IF NOT EXISTS contracts (
    tenant LowCardinality(String),
    contract String,
    version UInt32 COMMENT 'from 1, without gaps',
    applied DateTime('UTC'),
    sha256 String COMMENT 'of the text, hexadecimal',
    text String COMMENT 'the TOML as it was applied' CODEC(ZSTD(3))
) ENGINE = ReplacingMergeTree
ORDER BY (tenant, contract, version);

-- Reads that no agent took: noted by somebody, or imported. `sent` is the clock of whoever sent them.
CREATE TABLE IF NOT EXISTS manual_reads (
    tenant LowCardinality(String),
    device String,
    meter LowCardinality(String),
    ts DateTime('UTC'),
    value Int64,
    received DateTime('UTC'),
    sent Nullable(DateTime('UTC')),
    source LowCardinality(String) COMMENT 'who says so: manual, import, a name of your own',
    note String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (tenant, device, meter, ts, received, value);

-- A counter was replaced: the old one stood at `old_value`, the new one begins at `new_value`.
CREATE TABLE IF NOT EXISTS meter_exchanges (
    tenant LowCardinality(String),
    device String,
    meter LowCardinality(String),
    ts DateTime('UTC'),
    old_value Int64,
    new_value Int64,
    received DateTime('UTC'),
    source LowCardinality(String),
    note String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (tenant, device, meter, ts, old_value, new_value);
