-- Per device: the latest reading of every canonical meter as (ts, 4294967295 - received, value); 1970 = never read.
CREATE TABLE IF NOT EXISTS counter_last (
    tenant LowCardinality(String),
    device String,
    total SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    mono SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    color SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    print SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    print_mono SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    print_color SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    copy SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    copy_mono SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    copy_color SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    fax SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    scan SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    a3 SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    a3_mono SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    a3_color SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    duplex SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64))
) ENGINE = AggregatingMergeTree
ORDER BY (tenant, device);

CREATE MATERIALIZED VIEW IF NOT EXISTS counter_last_view TO counter_last AS
SELECT
    tenant,
    device,
    max(if(isNull(polls.total), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.total)))) AS total,
    max(if(isNull(polls.mono), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.mono)))) AS mono,
    max(if(isNull(polls.color), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.color)))) AS color,
    max(if(isNull(polls.print), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.print)))) AS print,
    max(if(isNull(polls.print_mono), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.print_mono)))) AS print_mono,
    max(if(isNull(polls.print_color), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.print_color)))) AS print_color,
    max(if(isNull(polls.copy), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.copy)))) AS copy,
    max(if(isNull(polls.copy_mono), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.copy_mono)))) AS copy_mono,
    max(if(isNull(polls.copy_color), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.copy_color)))) AS copy_color,
    max(if(isNull(polls.fax), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.fax)))) AS fax,
    max(if(isNull(polls.scan), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.scan)))) AS scan,
    max(if(isNull(polls.a3), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.a3)))) AS a3,
    max(if(isNull(polls.a3_mono), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.a3_mono)))) AS a3_mono,
    max(if(isNull(polls.a3_color), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.a3_color)))) AS a3_color,
    max(if(isNull(polls.duplex), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, assumeNotNull(polls.duplex)))) AS duplex
FROM polls
WHERE outcome <= 1 AND clock = 0
GROUP BY tenant, device;
