//! Twins: two payloads that hold a poll of one device, agent and second. A cloned agent makes them, or one that polls again after
//! a kill in the same second; in a drill, where an hour is one second long, they are common. `polls` keeps the first delivery of
//! the two, the views know what either of them said, and after a merge nobody can tell. So the soak keeps a list of its own.

const TABLE: &str = "CREATE TABLE soak_deliveries (device String, cn String, ts DateTime('UTC'), local_day Date, id FixedString(16)) \
    ENGINE = ReplacingMergeTree ORDER BY (device, cn, ts, id)";
const VIEW: &str = "CREATE MATERIALIZED VIEW soak_deliveries_view TO soak_deliveries AS \
    SELECT device, cn, ts, local_day, id FROM polls";

/// Days of devices that have twins: (device, local_day).
pub(super) const DAYS: &str =
    "SELECT device, local_day FROM soak_deliveries GROUP BY device, cn, ts, local_day HAVING uniqExact(id) > 1";

/// Of each device the moments of its twins, as seconds: (device, moments).
pub(super) const MOMENTS: &str = "SELECT device, groupUniqArray(toUInt32(ts)) AS moments FROM ( \
    SELECT device, ts FROM soak_deliveries GROUP BY device, cn, ts HAVING uniqExact(id) > 1) GROUP BY device";

/// What begins the list.
pub(super) const LIST: [&str; 2] = [TABLE, VIEW];
