-- What is known of a device: first and last sign of life, and the latest of each descriptive value as
-- (ts, 4294967295 - received, value); 1970 = never read.
CREATE TABLE IF NOT EXISTS device_last (
    tenant LowCardinality(String),
    device String,
    first_seen SimpleAggregateFunction(min, DateTime('UTC')),
    last_seen SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'last poll, answered or not',
    last_ok SimpleAggregateFunction(max, DateTime('UTC')) COMMENT 'last poll with values',
    basis SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    outcome SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    device_status SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    printer_status SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    errors SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    site SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    zone SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    cn SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    maker SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    model SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    serial SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    mac SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    plan SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    address SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    host_name SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    location SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    contact SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    firmware SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    description SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String)),
    console SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String))
) ENGINE = AggregatingMergeTree
ORDER BY (tenant, device);

CREATE MATERIALIZED VIEW IF NOT EXISTS device_last_view TO device_last AS
SELECT
    tenant, device,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    max(if(polls.outcome <= 1, ts, toDateTime(0, 'UTC'))) AS last_ok,
    max((ts, version, toInt64(polls.basis))) AS basis,
    max((ts, version, toInt64(polls.outcome))) AS outcome,
    max(if(isNull(polls.device_status), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, toInt64(assumeNotNull(polls.device_status))))) AS device_status,
    max(if(isNull(polls.printer_status), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, toInt64(assumeNotNull(polls.printer_status))))) AS printer_status,
    max(if(isNull(polls.errors), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, toInt64(assumeNotNull(polls.errors))))) AS errors,
    max(if(toString(polls.site) = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, toString(polls.site)))) AS site,
    max(if(toString(polls.zone) = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, toString(polls.zone)))) AS zone,
    max(if(toString(polls.cn) = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, toString(polls.cn)))) AS cn,
    max(if(toString(polls.maker) = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, toString(polls.maker)))) AS maker,
    max(if(toString(polls.model) = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, toString(polls.model)))) AS model,
    max(if(toString(polls.serial) = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, toString(polls.serial)))) AS serial,
    max(if(toString(polls.mac) = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, toString(polls.mac)))) AS mac,
    max(if(toString(polls.plan) = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, toString(polls.plan)))) AS plan,
    max(if(isNull(polls.address), (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, assumeNotNull(polls.address)))) AS address,
    max(if(isNull(polls.host_name), (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, assumeNotNull(polls.host_name)))) AS host_name,
    max(if(isNull(polls.location), (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, assumeNotNull(polls.location)))) AS location,
    max(if(isNull(polls.contact), (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, assumeNotNull(polls.contact)))) AS contact,
    max(if(isNull(polls.firmware), (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, assumeNotNull(polls.firmware)))) AS firmware,
    max(if(isNull(polls.description), (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, assumeNotNull(polls.description)))) AS description,
    max(if(isNull(polls.console), (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, assumeNotNull(polls.console)))) AS console
FROM polls
WHERE clock = 0
GROUP BY tenant, device;
