-- Forecasts as they were given, append-only: what was said of a supply at a moment. NULL days = nothing could be said.
CREATE TABLE IF NOT EXISTS forecasts (
    tenant LowCardinality(String),
    device String,
    slot LowCardinality(String),
    as_of DateTime('UTC'),
    supply LowCardinality(String) COMMENT 'K, C, M, Y, drum, waste, ...',
    model LowCardinality(String),
    site LowCardinality(String),
    constants UInt32 COMMENT 'version of the constants',
    p10 Nullable(Float64) COMMENT 'days from as_of until empty, quantiles',
    p50 Nullable(Float64),
    p90 Nullable(Float64),
    expected_error Nullable(Float64) COMMENT 'days',
    level Nullable(Float64) COMMENT 'percent left at the last read',
    reason String CODEC(ZSTD(3))
) ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(as_of)
ORDER BY (tenant, device, slot, as_of);

-- Orders of supplies: every change is a row, the last one counts.
CREATE TABLE IF NOT EXISTS supply_orders (
    tenant LowCardinality(String),
    order_id String COMMENT 'UUIDv5 of what is ordered and since when',
    device String,
    slot LowCardinality(String),
    ts DateTime64(3, 'UTC'),
    state LowCardinality(String) COMMENT 'proposed, ordered, shipped, installed or cancelled',
    supply LowCardinality(String),
    site LowCardinality(String),
    ship_by Date,
    source LowCardinality(String) COMMENT 'who says so: forecast, swap, manual, import, a name of your own',
    note String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (tenant, order_id, ts, state);

-- Cartridges that lie at a site, as somebody counted them; the last count matters, swaps since then are taken off.
CREATE TABLE IF NOT EXISTS supply_stock (
    tenant LowCardinality(String),
    site LowCardinality(String),
    model LowCardinality(String),
    supply LowCardinality(String),
    ts DateTime64(3, 'UTC'),
    count UInt32,
    source LowCardinality(String),
    note String CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree
ORDER BY (tenant, site, model, supply, ts);
