-- Alerts of RFC 3805 prtAlertTable by what they are about, with the span in which polls saw them.
CREATE TABLE IF NOT EXISTS alerts (
    tenant LowCardinality(String),
    device String,
    group Int32,
    group_index Int32,
    code Int32,
    first_seen SimpleAggregateFunction(min, DateTime('UTC')),
    last_seen SimpleAggregateFunction(max, DateTime('UTC')),
    severity SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, Int64)),
    text SimpleAggregateFunction(max, Tuple(DateTime('UTC'), UInt32, String))
) ENGINE = AggregatingMergeTree
ORDER BY (tenant, device, group, group_index, code);

CREATE MATERIALIZED VIEW IF NOT EXISTS alerts_view TO alerts AS
SELECT
    tenant, device,
    ifNull(a.group, -1) AS group,
    ifNull(a.group_index, -1) AS group_index,
    ifNull(a.code, -1) AS code,
    min(ts) AS first_seen,
    max(ts) AS last_seen,
    max(if(isNull(a.severity), (toDateTime(0, 'UTC'), toUInt32(0), toInt64(0)), (ts, version, toInt64(assumeNotNull(a.severity))))) AS severity,
    max(if(a.text = '', (toDateTime(0, 'UTC'), toUInt32(0), ''), (ts, version, a.text))) AS text
FROM polls
ARRAY JOIN alerts AS a
WHERE outcome <= 1
GROUP BY tenant, device, group, group_index, code;
