//! The tables of a cluster, rendered from the same numbered DDL by rule. Pure.
//!
//! Each table becomes two: `NAME_local`, replicated, and `NAME`, Distributed over the shards, so that readers and writers name
//! what they always name. Views read the local table and write the local target. All versions of a row meet on one shard,
//! because the sharding key is part of the sorting key: rows are replaced within a shard only.

use crate::limits::CLUSTER_NAME_MAX;

/// Where a replicated table stands in Keeper; the servers' macros fill it in.
const PATH: &str = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'";
/// The same rows on every shard.
const PATH_EVERYWHERE: &str = "'/clickhouse/tables/all/{database}/{table}', '{shard}-{replica}'";

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ClusterError {
    #[error("cluster {0:?}: a name of remote_servers has letters, digits, _ and - only")]
    Name(String),
    #[error("there is no rule for this statement on a cluster; add one in cluster.rs: {0}")]
    NoRule(String),
}

/// The statements of one DDL statement on a cluster.
///
/// # Errors
/// When the name is none, or when a statement has another form than ours have.
pub fn render(statement: &str, cluster: &str, database: &str) -> Result<Vec<String>, ClusterError> {
    let no_rule = || ClusterError::NoRule(statement.lines().next().unwrap_or_default().to_owned());
    if let Some(rest) = statement.strip_prefix("CREATE TABLE IF NOT EXISTS ") {
        let (name, rest) = rest.split_once(" (").ok_or_else(no_rule)?;
        let local = format!(
            "CREATE TABLE IF NOT EXISTS {name}_local ON CLUSTER '{cluster}' ({}",
            replicated(rest, PATH).ok_or_else(no_rule)?
        );
        let key = sharding_key(rest).ok_or_else(no_rule)?;
        let distributed = format!(
            "CREATE TABLE IF NOT EXISTS {name} ON CLUSTER '{cluster}' AS {database}.{name}_local\n\
             ENGINE = Distributed('{cluster}', '{database}', '{name}_local', cityHash64({key}))"
        );
        return Ok(vec![local, distributed]);
    }
    let rest = statement.strip_prefix("CREATE MATERIALIZED VIEW IF NOT EXISTS ").ok_or_else(no_rule)?;
    let (name, rest) = rest.split_once(" TO ").ok_or_else(no_rule)?;
    let (target, select) = rest.split_once(" AS\n").ok_or_else(no_rule)?;
    let (columns, source) = select.split_once("\nFROM ").ok_or_else(no_rule)?;
    let end = source.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(source.len());
    let (table, rest) = source.split_at(end);
    Ok(vec![format!(
        "CREATE MATERIALIZED VIEW IF NOT EXISTS {name} ON CLUSTER '{cluster}' TO {database}.{target}_local AS\n\
         {columns}\nFROM {database}.{table}_local AS {table}{rest}"
    )])
}

/// A small table that every server has whole.
///
/// # Errors
/// As [`render`].
pub fn render_everywhere(statement: &str, cluster: &str) -> Result<String, ClusterError> {
    let no_rule = || ClusterError::NoRule(statement.lines().next().unwrap_or_default().to_owned());
    let rest = statement.strip_prefix("CREATE TABLE IF NOT EXISTS ").ok_or_else(no_rule)?;
    let (name, rest) = rest.split_once(" (").ok_or_else(no_rule)?;
    let rest = replicated(rest, PATH_EVERYWHERE).ok_or_else(no_rule)?;
    Ok(format!("CREATE TABLE IF NOT EXISTS {name} ON CLUSTER '{cluster}' ({rest}"))
}

/// # Errors
/// [`ClusterError::Name`].
pub fn check_name(cluster: &str) -> Result<(), ClusterError> {
    let plain = cluster.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if plain && !cluster.is_empty() && cluster.len() <= CLUSTER_NAME_MAX {
        Ok(())
    } else {
        Err(ClusterError::Name(cluster.chars().take(CLUSTER_NAME_MAX).collect()))
    }
}

/// `ENGINE = XMergeTree(args)` becomes `ENGINE = ReplicatedXMergeTree(path, args)`.
fn replicated(rest: &str, path: &str) -> Option<String> {
    let (before, engine) = rest.split_once(") ENGINE = ")?;
    let end = engine.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(engine.len());
    let (name, after) = engine.split_at(end);
    if !name.ends_with("MergeTree") {
        return None;
    }
    let after = match after.strip_prefix('(') {
        Some(arguments) => format!("({path}, {arguments}"),
        None => format!("({path}){after}"),
    };
    Some(format!("{before}) ENGINE = Replicated{name}{after}"))
}

/// The device where there is one, else the agent, else the whole sorting key: always columns of the sorting key.
fn sharding_key(rest: &str) -> Option<String> {
    let (_, order) = rest.split_once("\nORDER BY ")?;
    let order = order.lines().next()?.trim_end_matches(';').trim_start_matches('(').trim_end_matches(')');
    let columns: Vec<&str> = order.split(", ").collect();
    let has = |name: &str| columns.contains(&name);
    Some(if has("tenant") && has("device") {
        "tenant, device".to_owned()
    } else if has("cn") {
        "cn".to_owned()
    } else {
        columns.join(", ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemas::store::{MIGRATIONS, statements};

    #[test]
    fn a_table_becomes_a_replicated_one_and_a_distributed_one() {
        let sql = "CREATE TABLE IF NOT EXISTS t (\n    tenant String,\n    device String\n) ENGINE = ReplacingMergeTree(version)\nORDER BY (tenant, toDate(ts), device)";
        assert_eq!(
            render(sql, "main", "platen").unwrap(),
            [
                "CREATE TABLE IF NOT EXISTS t_local ON CLUSTER 'main' (\n    tenant String,\n    device String\n) ENGINE = \
                 ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', version)\nORDER BY (tenant, toDate(ts), device)",
                "CREATE TABLE IF NOT EXISTS t ON CLUSTER 'main' AS platen.t_local\nENGINE = Distributed('main', 'platen', \
                 't_local', cityHash64(tenant, device))",
            ]
        );
    }

    #[test]
    fn an_engine_without_arguments_gets_its_path_alone() {
        let sql = "CREATE TABLE IF NOT EXISTS t (\n    n UInt32\n) ENGINE = AggregatingMergeTree\nORDER BY (n, m)";
        let rendered = render(sql, "main", "platen").unwrap();
        assert!(rendered[0].contains(
            "ReplicatedAggregatingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')\nORDER"
        ));
        assert!(rendered[1].ends_with("cityHash64(n, m))"));
        let everywhere = render_everywhere(sql, "main").unwrap();
        assert!(everywhere.contains("t ON CLUSTER 'main' (") && everywhere.contains("'{shard}-{replica}')"));
    }

    #[test]
    fn a_view_reads_the_local_table_under_its_name_and_writes_the_local_target() {
        let sql =
            "CREATE MATERIALIZED VIEW IF NOT EXISTS v TO t AS\nSELECT polls.site\nFROM polls\nARRAY JOIN supplies AS s";
        assert_eq!(
            render(sql, "main", "platen").unwrap(),
            [
                "CREATE MATERIALIZED VIEW IF NOT EXISTS v ON CLUSTER 'main' TO platen.t_local AS\nSELECT polls.site\nFROM platen.polls_local AS polls\nARRAY JOIN supplies AS s"
            ]
        );
    }

    #[test]
    fn every_statement_has_a_rule_and_every_table_is_sharded_within_its_key() {
        for statement in MIGRATIONS.iter().flat_map(|migration| statements(migration.sql)) {
            let rendered = render(&statement, "main", "platen").unwrap();
            assert!(rendered.iter().all(|one| one.contains(" ON CLUSTER 'main' ")), "{rendered:?}");
            if let Some((_, order)) = statement.split_once("\nORDER BY ") {
                let (_, key) = rendered[1].split_once("cityHash64(").unwrap();
                let key = key.trim_end_matches(')');
                assert!(key.split(", ").all(|column| order.contains(column)), "{key} is not in {order}");
            }
        }
    }

    #[test]
    fn what_has_no_rule_and_what_is_no_name_is_refused() {
        assert!(matches!(render("ALTER TABLE t ADD COLUMN x UInt8", "main", "platen"), Err(ClusterError::NoRule(_))));
        for bad in ["", "a b", "a'b", "{cluster}"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        assert_eq!(check_name("main-1_eu"), Ok(()));
    }
}
