-- One row per supply and poll: the series that forecasts read. Columns that a poll did not read are NULL or empty.
CREATE TABLE IF NOT EXISTS supply_reads (
    tenant LowCardinality(String),
    device String,
    slot LowCardinality(String),
    ts DateTime('UTC') CODEC(Delta, ZSTD(1)),
    cn LowCardinality(String),
    version UInt32 CODEC(Delta, ZSTD(1)),
    clock UInt8,
    level Nullable(Int64) CODEC(ZSTD(1)),
    max Nullable(Int64) CODEC(ZSTD(1)),
    serial String CODEC(ZSTD(1)),
    total Nullable(Int64) COMMENT 'meters of the same poll' CODEC(Delta, ZSTD(1)),
    color_pages Nullable(Int64) CODEC(Delta, ZSTD(1))
) ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(ts)
ORDER BY (tenant, toDate(ts), device, slot, ts, cn);

CREATE MATERIALIZED VIEW IF NOT EXISTS supply_reads_view TO supply_reads AS
SELECT
    tenant, device, s.slot AS slot, ts, cn, version, clock,
    s.level AS level, s.max AS max, s.serial AS serial, total, color AS color_pages
FROM polls
ARRAY JOIN supplies AS s
WHERE outcome <= 1;

-- The latest of everything that is known of a supply, each value as (ts, 4294967295 - received, value); 1970 = never read.
CREATE TABLE IF NOT EXISTS supply_last (
    tenant LowCardinality(String),
    device String,
    slot LowCardinality(String),
    first_seen SimpleAggregateFunction(min, DateTime('UTC')),
    last_seen SimpleAggregateFunction(max, DateTime('UTC')),
    level SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    max SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    unit SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    class SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    kind SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    color SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    description SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    serial SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    part SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String))
) ENGINE = AggregatingMergeTree
ORDER BY (tenant, device, slot);

CREATE MATERIALIZED VIEW IF NOT EXISTS supply_last_view TO supply_last AS
SELECT
    tenant, device, s.slot AS slot,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    max(if(isNull(s.level), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, toInt64(assumeNotNull(s.level))))) AS level,
    max(if(isNull(s.max), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, toInt64(assumeNotNull(s.max))))) AS max,
    max(if(isNull(s.unit), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, toInt64(assumeNotNull(s.unit))))) AS unit,
    max(if(isNull(s.class), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, toInt64(assumeNotNull(s.class))))) AS class,
    max(if(isNull(s.kind), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, toInt64(assumeNotNull(s.kind))))) AS kind,
    max(if(s.color = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, s.color))) AS color,
    max(if(s.description = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, s.description))) AS description,
    max(if(s.serial = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, s.serial))) AS serial,
    max(if(s.part = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, s.part))) AS part
FROM polls
ARRAY JOIN supplies AS s
WHERE outcome <= 1 AND clock = 0
GROUP BY tenant, device, slot;
