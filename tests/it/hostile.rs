//! Hostile input at every port, and configurations that are wrong: a clear error, and everybody else goes on.

use std::time::Duration;

use anyhow::Result;
use rand::RngExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Cloud, Site, beginning, payload};

/// How long a port may take to answer or close.
const ANSWER: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_at_every_port_stop_nobody() -> Result<()> {
    let mut site = Site::start(1, 3).await?;
    let world = &site.world;
    let ports = [
        world.clickhouse_address.clone(),
        world.clickhouse_http.clone(),
        format!("127.0.0.1:{}", world.broker_port),
        world.broker_http.clone(),
        world.ingest_http.clone(),
        world.agents[0].http.clone(),
    ];
    for port in &ports {
        for _ in 0..20 {
            let mut bytes = vec![0_u8; rand::rng().random_range(1..2_000)];
            rand::rng().fill(&mut bytes[..]);
            let mut stream = TcpStream::connect(port).await?;
            // The other side may close while this is being written.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let _ = tokio::time::timeout(ANSWER, stream.read_to_end(&mut answer)).await;
        }
    }
    site.hours(3).await?;
    site.settle().await?;
    site.assert_whole().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_publishes_on_the_topic_of_another_reaches_nobody() -> Result<()> {
    let mut cloud = Cloud::start().await?;
    let other: schemas::id::AgentCn = "globex.hq".parse()?;
    let stolen = payload(&other, 7, 1, beginning().as_second(), 100);
    let topic = schemas::topic::Topic::up(&other).to_string();
    let _ = cloud.client.publish(&topic, stolen.bytes.clone()).await;
    let mut again = testbed::world::mqtt::Client::connect(&cloud.paths, "acme.one", cloud.world.broker_port).await?;
    assert!(again.subscribe("platen/v1/down/acme.one/#").await?);
    cloud.client = again;
    let own = payload(&cloud.cn, 7, 1, beginning().as_second(), 100);
    cloud.deliver(&own.bytes).await?;
    assert_eq!(cloud.world.count("SELECT count() FROM polls WHERE tenant = 'globex'").await?, 0);
    assert_eq!(cloud.world.count("SELECT count() FROM kept WHERE tenant = 'globex'").await?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_is_refused_with_exit_code_64_and_the_nearest_key() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (program, text, said) in [
        ("ingest", "[clickhouse]\nulr = 'x'\n", "clickhouse.url"),
        ("edge-agent", "[broker]\nhots = 'x'\n", "broker.host"),
        (
            "broker",
            "[listen]\nadress = '127.0.0.1:1'\n[tls]\nca = 'a'\ncertificate = 'b'\nkey = 'c'\ncrl = 'd'\n",
            "listen.address",
        ),
        ("embedded-clickhouse", "[engine]\npaht = '/x'\n", "engine.path"),
    ] {
        let config = folder.path().join(format!("{program}.toml"));
        std::fs::write(&config, text)?;
        let output = tokio::process::Command::new(testbed::world::process::binary(program)?)
            .args(["run", "--config"])
            .arg(&config)
            .kill_on_drop(true)
            .output()
            .await?;
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{program}: {error}");
        assert!(error.contains(said), "{program}: {error}");
    }
    Ok(())
}
