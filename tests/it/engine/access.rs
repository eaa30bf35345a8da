//! Who gets in, and how far.

use std::process::Stdio;

use anyhow::{Result, ensure};
use testbed::world::process::binary;

use super::process::{self, Engine, PASSWORD, request};

#[tokio::test]
async fn a_reader_reads_and_neither_writes_nor_reaches_files_or_hosts() -> Result<()> {
    let engine = Engine::start().await?;
    engine.run("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a").await?;
    engine.run("INSERT INTO t VALUES (1)").await?;
    ensure!(engine.reader().query("SELECT count() FROM t").fetch_one::<u64>().await? == 1);
    for sql in ["SHOW TABLES", "DESCRIBE TABLE t", "EXPLAIN SELECT a FROM t", "WITH 1 AS x SELECT x", "(SELECT 1)"] {
        ensure!(engine.post_as_reader("/", sql).await?.status == 200, "{sql}");
    }
    let secret = engine.folder.path().join("secret");
    std::fs::write(&secret, "the secret of the host")?;
    let secret = secret.display();
    for sql in [
        "INSERT INTO t VALUES (2)".to_owned(),
        "INSERT INTO t SELECT 2".to_owned(),
        "DROP TABLE t".to_owned(),
        "ALTER TABLE t DELETE WHERE 1".to_owned(),
        "CREATE TABLE u (a UInt8) ENGINE = Memory".to_owned(),
        "SET readonly = 0".to_owned(),
        "KILL QUERY WHERE 1".to_owned(),
        "SYSTEM STOP MERGES".to_owned(),
        "SELECT 1 SETTINGS readonly = 0".to_owned(),
        format!("SELECT * FROM file('{secret}', 'LineAsString')"),
        format!("SELECT file('{secret}')"),
        format!("SELECT \"f\\x69le\"('{secret}')"),
        format!("SELECT * APPLY file FROM (SELECT '{secret}')"),
        format!("SELECT * FROM `{secret}`"),
        format!("DESCRIBE TABLE file('{secret}', 'CSVWithNames')"),
        format!("SELECT * FROM t INTO OUTFILE '{secret}.out'"),
        format!("BACKUP TABLE t TO File('{secret}.backup')"),
        format!("SELECT * FROM url('http://{}/health', 'LineAsString')", engine.health),
        format!("DESC url('http://{}/metrics', 'TSVWithNames')", engine.health),
    ] {
        let reply = engine.post_as_reader("/", &sql).await?;
        ensure!([403, 501].contains(&reply.status), "{sql}: {} {}", reply.status, reply.text());
        ensure!(!reply.text().contains("the secret"), "{sql}: {}", reply.text());
    }
    let reply =
        engine.post_as_reader(&format!("/?format_template_resultset={secret}"), "SELECT 1 FORMAT Template").await?;
    ensure!(reply.status == 403, "{}", reply.text());
    let reply = engine.post_as_reader("/?readonly=0", "INSERT INTO t SELECT 3").await?;
    ensure!(reply.status == 403, "{}", reply.text());
    ensure!(engine.number("SELECT count() FROM t").await? == 1);
    Ok(())
}

#[tokio::test]
async fn a_get_changes_nothing() -> Result<()> {
    let engine = Engine::start().await?;
    let get = |sql: &'static str| {
        let target = format!("/?user=default&password={PASSWORD}&query={}", sql.replace(' ', "+"));
        let port = engine.port;
        async move { request(port, "GET", &target, "", b"").await }
    };
    ensure!(get("SELECT 1").await?.text() == "1\n");
    for sql in [
        "CREATE TABLE t (a UInt8) ENGINE = Memory",
        "INSERT INTO FUNCTION null('a Int8') VALUES (1)",
        "SYSTEM STOP MERGES",
    ] {
        ensure!(get(sql).await?.status == 403, "{sql}");
    }
    Ok(())
}

#[tokio::test]
async fn of_two_statements_in_one_request_none_runs() -> Result<()> {
    let engine = Engine::start().await?;
    engine.run("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a").await?;
    for sql in [
        "INSERT INTO t SELECT 1; SELECT 1",
        "SELECT 1; DROP TABLE t",
        "SELECT 1;\n-- comment\nDROP TABLE t;",
        "INSERT INTO t SELECT 1; not SQL at all",
    ] {
        let reply = engine.post("/", "", sql.as_bytes()).await?;
        ensure!(reply.status == 400, "{sql}: {}", reply.text());
    }
    // Data are data: this is one insert whose values are wrong.
    let reply = engine.post("/", "", b"INSERT INTO t VALUES (1); DROP TABLE t").await?;
    ensure!(reply.status != 200, "{}", reply.text());
    ensure!(engine.number("SELECT count() FROM t").await? == 0);
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_refused_without_a_hint() -> Result<()> {
    let engine = Engine::start().await?;
    let mut answers = Vec::new();
    for key in [
        "X-ClickHouse-User: default\r\nX-ClickHouse-Key: wrong\r\n",
        "X-ClickHouse-User: nobody\r\nX-ClickHouse-Key: wrong\r\n",
        "X-ClickHouse-User: default\r\n",
        "Authorization: Bearer wrong\r\n",
        "Authorization: Basic bm90aGluZw==\r\n",
        "",
    ] {
        let reply = request(engine.port, "POST", "/", key, b"SELECT 1").await?;
        ensure!(reply.status == 403 && reply.head.contains("x-clickhouse-exception-code: 516"), "{key}: {reply:?}");
        answers.push(reply.text());
    }
    ensure!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    let log = engine.log();
    ensure!(!log.contains(PASSWORD) && !log.contains("wrong"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_second_process_on_the_same_folder_is_refused_by_name() -> Result<()> {
    let engine = Engine::start().await?;
    let config = engine.folder.path().join("second.toml");
    let path = engine.folder.path().join("clickhouse");
    std::fs::write(&config, format!("http_interface.listen = \"127.0.0.1:0\"\nengine.path = {path:?}\n"))?;
    let second = tokio::process::Command::new(binary("embedded-clickhouse")?)
        .args(["run", "--config"])
        .arg(&config)
        .stdin(Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&second.stderr);
    ensure!(second.status.code() == Some(69), "{said}");
    ensure!(said.contains(&path.display().to_string()) && said.contains("in use"), "{said}");
    ensure!(engine.number("SELECT toUInt64(1)").await? == 1);
    Ok(())
}

#[tokio::test]
async fn without_configured_users_a_password_is_made_and_kept() -> Result<()> {
    let mut engine = Engine::start_with("").await?;
    let file = engine.folder.path().join("clickhouse/default.password");
    let password = std::fs::read_to_string(&file)?.trim().to_owned();
    let client = || engine.client().with_password(&password);
    ensure!(client().query("SELECT 1").fetch_one::<u8>().await? == 1);
    ensure!(engine.client().query("SELECT 1").fetch_one::<u8>().await.is_err());
    ensure!(!engine.log().contains(&password), "the password stands in the log");
    engine.kill_and_restart().await?;
    let client = engine.client().with_password(&password);
    ensure!(client.query("SELECT 1").fetch_one::<u8>().await? == 1);
    Ok(())
}

#[tokio::test]
async fn an_address_that_others_reach_is_refused_and_secrets_are_masked() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("config.toml");
    let check = async |text: String| {
        std::fs::write(&config, text)?;
        let mut command = tokio::process::Command::new(binary("embedded-clickhouse")?);
        let command = command.args(["run", "--check", "--config"]).arg(&config).stdin(Stdio::null());
        anyhow::Ok(command.output().await?)
    };
    let refused = check("http_interface.listen = \"0.0.0.0:8123\"".to_owned()).await?;
    ensure!(refused.status.code() == Some(64), "{refused:?}");
    ensure!(String::from_utf8_lossy(&refused.stderr).contains("allow_remote"), "{refused:?}");
    let shown = check(format!("engine.path = {:?}\n{}", folder.path().join("data"), process::users())).await?;
    let text = String::from_utf8_lossy(&shown.stdout);
    ensure!(shown.status.code() == Some(0), "{shown:?}");
    ensure!(text.contains("memory_max_mb = 2048") && !text.contains(PASSWORD), "{text}");
    Ok(())
}
