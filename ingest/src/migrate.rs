//! Brings the tables of the store to what this build writes. Repeatable at any point of failure; never goes back.
//!
//! `schema_migrations` remembers what was applied and the hash of its text: shipped DDL is never edited, and a store that
//! a newer build has migrated is left alone.

use clickhouse::Row;
use schemas::store::{MIGRATIONS, Migration, statements};
use serde::{Deserialize, Serialize};
use service::exit::Exit;

use crate::cluster::{self, ClusterError};
use crate::config::ClickhouseConfig;
use crate::store::{Store, StoreError, answered};

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    number UInt32,
    name String,
    hash String COMMENT 'BLAKE3 of the text'
) ENGINE = ReplacingMergeTree
ORDER BY number";

#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the store was migrated with another text of {name}: shipped migrations are never edited")]
    Changed { name: String },
    #[error("the store has migration {number} ({name}), which this build does not know: run the newer build")]
    Newer { number: u32, name: String },
    #[error("the store lacks {}: run `ingest migrate`", .0.join(", "))]
    Missing(Vec<&'static str>),
}

impl MigrateError {
    pub fn exit(&self) -> Exit {
        match self {
            Self::Store(_) | Self::Missing(_) => Exit::Unavailable,
            Self::Changed { .. } | Self::Newer { .. } => Exit::Config,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
struct Applied {
    number: u32,
    name: String,
    hash: String,
}

impl Applied {
    fn of(migration: &Migration) -> Self {
        let hash = blake3::hash(migration.sql.as_bytes()).to_hex().to_string();
        Self { number: migration.number, name: migration.name.to_owned(), hash }
    }
}

/// Creates the database and applies what is missing; answers the names of what was applied now.
///
/// # Errors
/// [`MigrateError`]; what was applied before the error stays.
pub async fn migrate(config: &ClickhouseConfig) -> Result<Vec<&'static str>, MigrateError> {
    apply(&Store::new(config)).await
}

/// All statements in order, as `migrate` would send them to an empty server.
pub fn print(config: &ClickhouseConfig) -> String {
    let mut text = format!("CREATE DATABASE IF NOT EXISTS {};\nUSE {0};\n\n{TABLE};\n", config.database);
    for migration in MIGRATIONS {
        text.push_str(&format!("\n-- {}\n{}", migration.name, migration.sql));
    }
    text
}

/// All statements for an empty cluster, in order, and the lines that say so in `schema_migrations`.
///
/// # Errors
/// When the name is none, or a migration has a statement that there is no rule for.
pub fn print_cluster(config: &ClickhouseConfig, cluster: &str) -> Result<String, ClusterError> {
    cluster::check_name(cluster)?;
    let database = &config.database;
    let mut text = format!(
        "CREATE DATABASE IF NOT EXISTS {database} ON CLUSTER '{cluster}';\nUSE {database};\n\n{};\n",
        cluster::render_everywhere(TABLE, cluster)?
    );
    for migration in MIGRATIONS {
        text.push_str(&format!("\n-- {}\n", migration.name));
        for statement in statements(migration.sql) {
            for rendered in cluster::render(&statement, cluster, database)? {
                text.push_str(&format!("{rendered};\n"));
            }
        }
    }
    let rows: Vec<String> = MIGRATIONS
        .iter()
        .map(Applied::of)
        .map(|Applied { number, name, hash }| format!("({number}, '{name}', '{hash}')"))
        .collect();
    text.push_str(&format!("\nINSERT INTO schema_migrations VALUES\n{};\n", rows.join(",\n")));
    Ok(text)
}

/// Checks that all migrations are applied, and applies them first if it may.
pub(crate) async fn ensure(store: &Store, may_apply: bool) -> Result<(), MigrateError> {
    if may_apply {
        apply(store).await?;
        return Ok(());
    }
    let missing = missing(&applied(store).await?, MIGRATIONS)?;
    if missing.is_empty() {
        Ok(())
    } else {
        Err(MigrateError::Missing(missing.iter().map(|migration| migration.name).collect()))
    }
}

async fn apply(store: &Store) -> Result<Vec<&'static str>, MigrateError> {
    let database = store.database();
    let create = format!("CREATE DATABASE IF NOT EXISTS {database}");
    answered("create the database", store.bare_client().query(&create).execute()).await?;
    let client = store.client();
    answered("create schema_migrations", client.query(TABLE).execute()).await?;
    let mut done = Vec::new();
    for migration in missing(&applied(store).await?, MIGRATIONS)? {
        for statement in statements(migration.sql) {
            // query_raw: DDL may contain question marks.
            answered(migration.name, client.query_raw(&statement).execute()).await?;
        }
        // Written last: a crash before this repeats the statements, which change nothing then.
        let wrote = async {
            let mut insert = store.insert_client().insert::<Applied>("schema_migrations").await?;
            insert.write(&Applied::of(migration)).await?;
            insert.end().await
        };
        answered("remember the migration", wrote).await?;
        tracing::info!(migration = migration.name, "migration applied");
        done.push(migration.name);
    }
    Ok(done)
}

async fn applied(store: &Store) -> Result<Vec<Applied>, StoreError> {
    let exists = store
        .bare_client()
        .query("SELECT count() FROM system.tables WHERE database = ? AND name = 'schema_migrations'")
        .bind(store.database());
    if answered("look for schema_migrations", exists.fetch_one::<u64>()).await? == 0 {
        return Ok(Vec::new());
    }
    let query = store.client().query("SELECT DISTINCT number, name, hash FROM schema_migrations ORDER BY number");
    answered("read schema_migrations", query.fetch_all::<Applied>()).await
}

/// What of `known` is not applied yet, in order.
fn missing<'a>(applied: &[Applied], known: &'a [Migration]) -> Result<Vec<&'a Migration>, MigrateError> {
    for row in applied {
        match known.iter().find(|migration| migration.number == row.number) {
            None => return Err(MigrateError::Newer { number: row.number, name: row.name.clone() }),
            Some(migration) if Applied::of(migration) != *row => {
                return Err(MigrateError::Changed { name: row.name.clone() });
            }
            Some(_) => {}
        }
    }
    Ok(known.iter().filter(|migration| !applied.iter().any(|row| row.number == migration.number)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_applied() {
        let applied: Vec<Applied> = MIGRATIONS[..3].iter().map(Applied::of).collect();
        let names: Vec<&str> = missing(&applied, MIGRATIONS).unwrap().iter().map(|m| m.name).collect();
        assert_eq!(names, MIGRATIONS[3..].iter().map(|m| m.name).collect::<Vec<_>>());
    }

    #[test]
    fn a_store_of_a_newer_build_and_an_edited_migration_are_refused() {
        let newer = Applied { number: 9_999, name: "9999_later".into(), hash: String::new() };
        assert!(matches!(missing(&[newer], MIGRATIONS), Err(MigrateError::Newer { number: 9_999, .. })));
        let edited = Applied { hash: "0".into(), ..Applied::of(&MIGRATIONS[0]) };
        assert!(matches!(missing(&[edited], MIGRATIONS), Err(MigrateError::Changed { .. })));
    }

    #[test]
    fn what_is_printed_for_a_cluster_remembers_all_migrations() {
        let text = print_cluster(&ClickhouseConfig::default(), "main").unwrap();
        assert!(text.starts_with("CREATE DATABASE IF NOT EXISTS platen ON CLUSTER 'main';"));
        for migration in MIGRATIONS {
            let Applied { number, name, hash } = Applied::of(migration);
            assert!(text.contains(&format!("({number}, '{name}', '{hash}')")), "{name}");
        }
        assert!(print_cluster(&ClickhouseConfig::default(), "a'b").is_err());
    }

    #[test]
    fn what_is_printed_is_all_that_is_applied() {
        let text = print(&ClickhouseConfig::default());
        assert!(text.starts_with("CREATE DATABASE IF NOT EXISTS platen;\nUSE platen;"));
        assert!(MIGRATIONS.iter().all(|migration| text.contains(migration.sql)));
    }
}
