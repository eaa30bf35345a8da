//! What Platen needs of a broker, tried on ours and on Debian's mosquitto with the files of `broker-config mosquitto`: real
//! processes, real certificates, the same clients. A case fails when the promise is broken on either; where both keep the
//! promise in different words, `docs/broker-conformance.md` says so and why, and these tests hold the page to it.

mod delivery;
mod hostile;
mod identity;
mod life;
mod matrix;
mod page;

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::Result;
use schemas::topic::Topic;
use testbed::world::brokers::{Broker, Maker};

/// Case and outcome, in the words of the page.
pub(crate) type Seen = Vec<(&'static str, String)>;

/// The whole suite takes seconds; a wait ends here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Each group has workers of its own, so that groups can run side by side.
const SERVICES: [&str; 10] =
    ["ingest1", "ingest2", "ingest3", "ingest4", "ingest5", "ingest6", "ingest7", "ingest8", "portal", "canary"];

/// Everybody comes from one address, and some say much at once.
const ROOM: [(&str, &str); 2] =
    [("limits", "messages_per_second = 100000"), ("listen", "handshakes_per_address = 1024")];

/// One case; a promise that is broken is an outcome too, so that one run tells all.
pub(crate) async fn case(
    name: &'static str,
    work: impl Future<Output = Result<String>>,
) -> Result<(&'static str, String)> {
    Ok((name, work.await.unwrap_or_else(|error| format!("{BROKEN}{error:#}"))))
}

/// How such an outcome begins; no page may say so.
const BROKEN: &str = "broken: ";

async fn suite(maker: Maker) -> Result<Seen> {
    let ears: Vec<String> = (0..matrix::HEARERS).map(|number| format!("ear{number}")).collect();
    let services: Vec<&str> = SERVICES.into_iter().chain(ears.iter().map(String::as_str)).collect();
    let mut broker = Broker::start(maker, &services, &ROOM).await?;
    let (mut seen, others) = {
        let broker = &broker;
        let (identity, matrix, life, delivery, hostile) = futures_util::try_join!(
            Box::pin(identity::cases(broker)),
            Box::pin(matrix::cases(broker)),
            Box::pin(life::cases(broker)),
            Box::pin(delivery::cases(broker)),
            Box::pin(hostile::cases(broker)),
        )?;
        (identity, [matrix, life, delivery, hostile])
    };
    seen.extend(others.into_iter().flatten());
    seen.extend(Box::pin(hostile::storm(&broker)).await?);
    seen.extend(Box::pin(life::restart(&mut broker)).await?);
    Ok(seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_broker_does_what_the_page_says() -> Result<()> {
    page::compare(Maker::Platen, &Box::pin(suite(Maker::Platen)).await?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_does_what_the_page_says() -> Result<()> {
    page::compare(Maker::Mosquitto, &Box::pin(suite(Maker::Mosquitto)).await?)
}

pub(crate) fn up(cn: &str) -> String {
    Topic::up(&cn.parse().unwrap()).to_string()
}

pub(crate) fn ack(cn: &str) -> String {
    Topic::ack(&cn.parse().unwrap()).to_string()
}

pub(crate) fn status(cn: &str) -> String {
    Topic::status(&cn.parse().unwrap()).to_string()
}

/// Filter of all that an agent is told.
pub(crate) fn down(cn: &str) -> String {
    schemas::topic::filter::down_all(&cn.parse().unwrap())
}

/// The words for a connection that ended, or not.
pub(crate) fn ended(result: &std::io::Result<()>) -> &'static str {
    match result {
        Ok(()) => "stays",
        Err(error) if error.kind() == ErrorKind::TimedOut => "hangs",
        Err(_) => "closed",
    }
}
