//! Who is let in, and as whom.

use std::sync::Arc;

use anyhow::{Result, ensure};
use broker_config::pki::{Authority, Validity};
use rustls::ClientConfig;
use testbed::world::brokers::{Broker, issue};
use testbed::world::raw::{self, Hello, Raw};

use super::{Seen, ack, case, down, status};

/// What somebody meets who shows this certificate and says this.
async fn refusal(broker: &Broker, tls: Arc<ClientConfig>, hello: Hello<'_>) -> String {
    match Raw::greet(broker.address, tls, hello).await {
        Ok((_, 0)) => "let in".to_owned(),
        Ok((_, code)) => format!("refused with code {code}"),
        // An alert of TLS, or a reset that overtook it.
        Err(_) => "refused before a CONNACK".to_owned(),
    }
}

pub(super) async fn cases(broker: &Broker) -> Result<Seen> {
    let ca = broker.authority.certificate_pem();
    let hello = Hello::of("ident.one");
    let one = broker.issue("ident.one")?;
    let days = Validity::days(30)?;

    let elsewhere = Authority::create(&broker.folder().join("elsewhere"), "conformance", days, false)?;
    let foreign = issue(&elsewhere, "ident.one", days)?;
    let past = Validity { not_before: days.not_before, not_after: days.not_before };
    let expired = broker.issue_for("ident.one", past)?;
    let early = broker.issue_for("ident.one", Validity { not_before: days.not_after, not_after: days.not_after })?;
    let server = broker.authority.issue_broker(&["ident.one".to_owned()], days)?;

    let mut seen = Vec::new();
    for (name, certificate) in [
        ("no client certificate", None),
        ("a certificate of another authority", Some(&foreign)),
        ("an expired certificate", Some(&expired)),
        ("a certificate that is not valid yet", Some(&early)),
        ("a broker's certificate shown by a client", Some(&server)),
    ] {
        seen.push((name, refusal(broker, raw::tls(ca, certificate)?, hello).await));
    }
    let old = raw::tls_of(&rustls::version::TLS12, ca, Some(&one))?;
    seen.push(("TLS 1.2", refusal(broker, old, hello).await));
    for (name, outcome) in &seen {
        ensure!(outcome.starts_with("refused"), "{name}: {outcome}");
    }

    seen.push(case("the client id is another's CN", another_id(broker)).await?);
    seen.push(case("a user name that is a service's", user_name(broker)).await?);
    seen.push(case("a last will on another's status", foreign_will(broker)).await?);
    Ok(seen)
}

/// Let in or not, nobody sees the will when the client is lost.
async fn foreign_will(broker: &Broker) -> Result<String> {
    let mut watcher = broker.client("service.ingest1").await?;
    watcher.subscribe(&["platen/v1/status/#"]).await?;
    let forger = broker.issue("ident.forger")?;
    let hello = Hello { will: Some(("platen/v1/status/ident.two", b"forged")), ..Hello::of("ident.forger") };
    let (client, code) = Raw::greet(broker.address, broker.tls(Some(&forger))?, hello).await?;
    drop(client);
    // A successor of the same CN is let in only when its predecessor is gone, will and all.
    let mut after = broker.client_with(&forger).await?;
    after.publish(&status("ident.forger"), b"true").await?;
    let seen = watcher.before(b"true").await?;
    ensure!(!seen.iter().any(|delivery| delivery.payload == b"forged"), "{seen:?}");
    Ok(match code {
        0 => "let in, and nobody sees the will".to_owned(),
        code => format!("refused with code {code}"),
    })
}

/// However the broker answers, the owner of the name stays connected and hears what is its own.
async fn another_id(broker: &Broker) -> Result<String> {
    let mut owner = broker.client("ident.two").await?;
    owner.subscribe(&[&down("ident.two")]).await?;
    let thief = broker.issue("ident.three")?;
    let greeted = Raw::greet(broker.address, broker.tls(Some(&thief))?, Hello::of("ident.two")).await?;
    let mut ingest = broker.client("service.ingest1").await?;
    let outcome = match greeted {
        (mut raw, 0) => {
            raw.subscribe(&[&down("ident.two"), &down("ident.three")]).await?;
            ingest.publish(&ack("ident.two"), b"for two").await?;
            ingest.publish(&ack("ident.three"), b"for three").await?;
            let forbidden = raw.before(b"for three").await?;
            ensure!(forbidden.is_empty(), "{forbidden:?}");
            "let in as its own CN".to_owned()
        }
        (_, code) => {
            ingest.publish(&ack("ident.two"), b"for two").await?;
            format!("refused with code {code}")
        }
    };
    owner.before(b"for two").await?;
    owner.ping().await?;
    Ok(outcome)
}

/// The certificate is the identity, whatever a client says of itself.
async fn user_name(broker: &Broker) -> Result<String> {
    let liar = broker.issue("ident.liar")?;
    let hello = Hello { user: Some("service.ingest1"), ..Hello::of("ident.liar") };
    let mut victim = broker.client("ident.four").await?;
    victim.subscribe(&[&down("ident.four")]).await?;
    let mut raw = broker.client_saying(&liar, hello).await?;
    // Ours closes here; what counts is that nobody hears it.
    let _ = raw.publish(&ack("ident.four"), b"forged").await;
    let mut ingest = broker.client("service.ingest1").await?;
    ingest.publish(&ack("ident.four"), b"true").await?;
    let forged = victim.before(b"true").await?;
    ensure!(forged.is_empty(), "{forged:?} on {:?}", broker.maker);
    Ok("counts for nothing".to_owned())
}
