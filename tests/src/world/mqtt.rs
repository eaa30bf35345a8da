//! A plain MQTT client with a certificate, for tests and for the demo's repeated payloads.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use broker_config::pki::Paths;
use bytes::Bytes;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS, TlsConfiguration, Transport};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use schemas::limits::PAYLOAD_BYTES_MAX;

const DEADLINE: Duration = Duration::from_secs(20);
/// Requests waiting in the client; tests publish in small groups.
const QUEUE: usize = 128;

/// A connected client.
pub struct Client {
    pub client: AsyncClient,
    pub events: EventLoop,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

/// A message that arrived.
#[derive(Debug, Clone)]
pub struct Message {
    pub topic: String,
    pub payload: Bytes,
    pub retain: bool,
}

impl Client {
    /// Connects and waits for the CONNACK.
    ///
    /// # Errors
    /// When the broker refuses, with its reason.
    pub async fn connect(paths: &Paths, client_id: &str, port: u16) -> Result<Self> {
        let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
        options.set_clean_session(true).set_keep_alive(Duration::from_secs(60));
        options.set_max_packet_size(4 * PAYLOAD_BYTES_MAX, 4 * PAYLOAD_BYTES_MAX);
        options
            .set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls(Some(paths), &paths.ca)?.into())));
        let (client, events) = AsyncClient::new(options, QUEUE);
        let mut this = Self { client, events };
        this.wait(|event| matches!(event, Event::Incoming(Packet::ConnAck(_))).then_some(())).await?;
        Ok(this)
    }

    /// Subscribes and waits for the SUBACK; `false` if the broker refused the filter.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn subscribe(&mut self, filter: &str) -> Result<bool> {
        self.client.subscribe(filter, QoS::AtLeastOnce).await?;
        self.wait(|event| match event {
            Event::Incoming(Packet::SubAck(ack)) => {
                Some(ack.return_codes.iter().all(|code| matches!(code, rumqttc::SubscribeReasonCode::Success(_))))
            }
            _ => None,
        })
        .await
    }

    /// Publishes with QoS 1 and waits for the PUBACK.
    ///
    /// # Errors
    /// When the connection ends.
    pub async fn publish(&mut self, topic: &str, payload: impl Into<Vec<u8>>) -> Result<()> {
        self.client.publish(topic, QoS::AtLeastOnce, false, payload).await?;
        self.wait(|event| matches!(event, Event::Incoming(Packet::PubAck(_))).then_some(())).await
    }

    /// The next message.
    ///
    /// # Errors
    /// When the connection ends, or nothing comes in time.
    pub async fn message(&mut self) -> Result<Message> {
        self.wait(|event| match event {
            Event::Incoming(Packet::Publish(publish)) => {
                Some(Message { topic: publish.topic, payload: publish.payload, retain: publish.retain })
            }
            _ => None,
        })
        .await
    }

    /// The first event that `want` takes.
    ///
    /// # Errors
    /// When the connection ends, or no such event comes in time.
    pub async fn wait<T>(&mut self, mut want: impl FnMut(Event) -> Option<T>) -> Result<T> {
        let found = async {
            loop {
                let event = self.events.poll().await?;
                if let Some(found) = want(event) {
                    return Ok::<T, rumqttc::ConnectionError>(found);
                }
            }
        };
        match tokio::time::timeout(DEADLINE, found).await {
            Ok(found) => found.context("the connection ended"),
            Err(_) => bail!("nothing came within {DEADLINE:?}"),
        }
    }
}

/// TLS as an agent does it; without `own`, no client certificate is shown.
///
/// # Errors
/// When a file cannot be read.
pub fn tls(own: Option<&Paths>, ca: &Path) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots);
    Ok(match own {
        Some(paths) => {
            let chain = CertificateDer::pem_file_iter(&paths.certificate)?.collect::<Result<Vec<_>, _>>()?;
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(&paths.key)?)?
        }
        None => builder.with_no_client_auth(),
    })
}
