-- The last level of each day of a supply with the meters and the serial of the same poll: what forecasts read, one row a
-- day however often a device is polled. -9 = not read. A store with polls from before this table fills it once with
-- INSERT INTO supply_day and the SELECT of the view below; repeating that changes nothing.
CREATE TABLE IF NOT EXISTS supply_day (
    tenant LowCardinality(String),
    device String,
    slot LowCardinality(String),
    day Date CODEC(Delta, ZSTD(1)),
    last SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64, Int64, Int64, Int64, String))
        COMMENT 'ts, 4294967295 - received, level, max, total, color pages, serial' CODEC(ZSTD(1))
) ENGINE = AggregatingMergeTree
PARTITION BY toYear(day)
ORDER BY (tenant, device, slot, day)
SETTINGS index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS supply_day_view TO supply_day AS
SELECT
    tenant, device, s.slot AS slot,
    toDate(ts, 'UTC') AS day,
    max((ts, version, toInt64(assumeNotNull(s.level)), toInt64(ifNull(s.max, -9)), toInt64(ifNull(total, -9)), toInt64(ifNull(polls.color, -9)), toString(s.serial))) AS last
FROM polls
ARRAY JOIN supplies AS s
WHERE outcome <= 1 AND clock = 0 AND isNotNull(s.level)
GROUP BY tenant, device, slot, day;
