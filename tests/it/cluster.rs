//! What `ingest migrate --print --cluster` prints is understood by the real engine, and its tables and views do on one server
//! what the plain ones do.

use anyhow::{Context, Result};
use testbed::world::{Plan, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_of_a_cluster_are_understood_by_the_engine_and_its_views_fill() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let plan = Plan { dir: folder.path().join("world"), agents: Vec::new(), drill: None, fsync: false };
    let mut world = World::prepare(plan).await?;
    world.start_clickhouse().await?;
    let config = world.ingest_config.to_string_lossy().into_owned();
    let migrated = world.tool("ingest", &["migrate", "--config", &config]).await?;
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    let printed = world.tool("ingest", &["migrate", "--config", &config, "--print", "--cluster", "main"]).await?;
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let text = String::from_utf8(printed.stdout)?;

    let mut statements = schemas::store::statements(&text);
    statements.retain(|statement| !statement.starts_with("USE ") && !statement.starts_with("INSERT "));
    for statement in &statements {
        world.query(&format!("EXPLAIN AST {statement}")).await.context("the engine does not understand it")?;
    }

    // One server has no Keeper: without replication, and with the local tables alone, the same statements must work.
    for statement in &statements {
        if statement.contains("ENGINE = Distributed")
            || statement.contains("schema_migrations")
            || statement.contains("DATABASE")
        {
            continue;
        }
        let alone = statement
            .replace(" ON CLUSTER 'main'", "")
            .replace("ENGINE = Replicated", "ENGINE = ")
            .replace("'/clickhouse/tables/{shard}/{database}/{table}', '{replica}', ", "")
            .replace("('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')", "")
            .replace("_view TO", "_view_local TO");
        world.query(&alone).await?;
    }
    let poll = "(tenant, device, ts, cn, received, version, zone, local_day, total, `supplies.slot`, `supplies.level`) \
                VALUES ('acme', 'kyocera:1', 1780000000, 'acme.one', 1780000001, 5, 'UTC', 20602, 100, ['1.1'], [50])";
    let empty = "`supplies.max`, `supplies.unit`, `supplies.class`, `supplies.kind`, `supplies.color`, `supplies.description`, \
                 `supplies.serial`, `supplies.part`";
    let poll = poll
        .replace("`supplies.level`)", &format!("`supplies.level`, {empty})"))
        .replace("[50])", "[50], [100], [19], [3], [3], ['black'], ['TK'], ['s'], ['p'])");
    for table in ["polls", "polls_local"] {
        world.query(&format!("INSERT INTO {table} {poll}")).await?;
    }
    for view in ["counter_day", "counter_last", "supply_reads", "supply_last", "device_last"] {
        let plain = world.query(&format!("SELECT * FROM {view} FINAL FORMAT TSV")).await?;
        let local = world.query(&format!("SELECT * FROM {view}_local FINAL FORMAT TSV")).await?;
        assert!(!plain.is_empty(), "{view} is empty");
        assert_eq!(plain, local, "{view}");
    }
    Ok(())
}
