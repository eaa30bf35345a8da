//! The broker from outside: real TLS, real certificates, real clients.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use broker::config::{LimitsConfig, ListenConfig, TlsConfig};
use broker::{Broker, BrokerConfig, BrokerError};
use broker_config::pki::{Authority, CRL_FILE, Issued, Validity};
use bytes::{Buf, BufMut, BytesMut};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, QoS, TlsConfiguration, Transport};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use schemas::id::AgentCn;
use schemas::topic::{Topic, filter};
use service::http::HttpConfig;
use service::log::LogConfig;
use service::shutdown::Shutdown;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Nothing here takes nearly as long; a hang fails instead of blocking.
const PATIENCE: Duration = Duration::from_secs(30);

struct World {
    dir: tempfile::TempDir,
    authority: Authority,
    address: SocketAddr,
    http: SocketAddr,
    shutdown: Shutdown,
    broker: JoinHandle<Result<(), BrokerError>>,
}

impl World {
    async fn start() -> Self {
        Self::with(ListenConfig::default(), LimitsConfig::default()).await
    }

    async fn with(listen: ListenConfig, limits: LimitsConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let authority = Authority::create(&dir.path().join("ca"), "test", days(30), false).unwrap();
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let out = dir.path().join("broker");
        authority.issue_broker(&names, days(30)).unwrap().write(&out, "broker", false).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = BrokerConfig {
            listen: ListenConfig { address: any, ..listen },
            tls: TlsConfig {
                ca: out.join("ca.pem"),
                certificate: out.join("broker.pem"),
                key: out.join("broker.key"),
                crl: Some(dir.path().join("ca").join(CRL_FILE)),
                reload_s: 1,
            },
            limits,
            http: HttpConfig { listen: any },
            log: LogConfig::default(),
        };
        let broker = Broker::bind(config).await.unwrap();
        let (address, http, shutdown) = (broker.address(), broker.http_address(), Shutdown::new());
        let broker = tokio::spawn(broker.run(shutdown.clone()));
        Self { dir, authority, address, http, shutdown, broker }
    }

    fn issue(&self, cn: &str) -> Issued {
        issue(&self.authority, cn, days(30))
    }

    /// A client's TLS configuration; without a certificate if none is given.
    fn tls(&self, issued: Option<&Issued>) -> Arc<ClientConfig> {
        tls(self.authority.certificate_pem(), issued)
    }

    async fn dial(&self, tls: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        TlsConnector::from(tls).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    /// A client that said CONNECT, and the return code that it got.
    async fn greet(&self, tls: Arc<ClientConfig>, hello: Hello<'_>) -> std::io::Result<(Raw, u8)> {
        let mut raw = Raw { tls: self.dial(tls).await?, buffer: BytesMut::new() };
        raw.send(&hello.bytes()).await?;
        let (kind, body) = raw.packet().await?;
        assert_eq!(kind >> 4, 2, "a CONNACK");
        Ok((raw, body[1]))
    }

    async fn client(&self, cn: &str) -> Raw {
        let issued = self.issue(cn);
        self.client_with(&issued).await
    }

    async fn client_with(&self, issued: &Issued) -> Raw {
        let (raw, code) = self.greet(self.tls(Some(issued)), Hello::of(&issued.cn)).await.unwrap();
        assert_eq!(code, 0, "{} accepted", issued.cn);
        raw
    }

    /// The reason why somebody is not let in, as the client sees it: the code of a CONNACK or the words of an alert.
    async fn refusal(&self, issued: Option<&Issued>, id: &str) -> String {
        match self.greet(self.tls(issued), Hello::of(id)).await {
            Ok((_, code)) => format!("code {code}"),
            Err(error) => error.to_string(),
        }
    }

    fn rumqttc(&self, issued: &Issued) -> (AsyncClient, EventLoop) {
        let mut options = MqttOptions::new(&issued.cn, "localhost", self.address.port());
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(self.tls(Some(issued)))));
        options.set_keep_alive(Duration::from_secs(60)).set_manual_acks(true).set_max_packet_size(20_000, 20_000);
        // Room for all requests of a test: they are made between two polls of the event loop.
        AsyncClient::new(options, 1000)
    }

    async fn page(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.http).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text
    }

    /// The value of a metric with these labels; 0 if it does not exist yet.
    async fn metric(&self, name: &str) -> f64 {
        let page = self.page("/metrics").await;
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    async fn wait_for_metric(&self, name: &str, at_least: f64) {
        let reached = async {
            while self.metric(name).await < at_least {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, reached).await.is_ok(), "{name} stays below {at_least}");
    }

    async fn stop(self) -> Result<(), BrokerError> {
        self.shutdown.trigger();
        tokio::time::timeout(PATIENCE, self.broker).await.unwrap().unwrap()
    }
}

fn days(days: u32) -> Validity {
    Validity::days(days).unwrap()
}

fn issue(authority: &Authority, cn: &str, validity: Validity) -> Issued {
    let cn: AgentCn = cn.parse().unwrap();
    let issued = match cn.is_service() {
        true => authority.issue_service(cn.agent(), validity),
        false => authority.issue_agent(&cn, validity),
    };
    issued.unwrap()
}

fn tls(ca_pem: &str, issued: Option<&Issued>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    Arc::new(match issued {
        None => builder.with_no_client_auth(),
        Some(issued) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(issued.key_pem().as_bytes()).unwrap(),
            )
            .unwrap(),
    })
}

/// A CONNECT.
#[derive(Clone, Copy)]
struct Hello<'a> {
    id: &'a str,
    will: Option<(&'a str, &'a [u8])>,
    keep_alive_s: u16,
}

impl<'a> Hello<'a> {
    fn of(id: &'a str) -> Self {
        Self { id, will: None, keep_alive_s: 60 }
    }

    fn bytes(self) -> Vec<u8> {
        let mut body = Vec::from(*b"\0\x04MQTT\x04");
        // Clean session; a will is QoS 1 and retained.
        body.push(if self.will.is_some() { 0b0010_1110 } else { 0b10 });
        body.put_u16(self.keep_alive_s);
        text(&mut body, self.id.as_bytes());
        if let Some((topic, message)) = self.will {
            text(&mut body, topic.as_bytes());
            text(&mut body, message);
        }
        packet(0x10, &body)
    }
}

fn text(body: &mut Vec<u8>, text: &[u8]) {
    body.put_u16(u16::try_from(text.len()).unwrap());
    body.extend_from_slice(text);
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    while length > 127 {
        bytes.push(u8::try_from(length % 128).unwrap() | 0x80);
        length /= 128;
    }
    bytes.push(u8::try_from(length).unwrap());
    bytes.extend_from_slice(body);
    bytes
}

/// A client that speaks bytes.
struct Raw {
    tls: TlsStream<TcpStream>,
    buffer: BytesMut,
}

impl Raw {
    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.tls.write_all(bytes).await?;
        self.tls.flush().await
    }

    /// The next packet: its first byte and its body. An error when the broker closed.
    async fn packet(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        loop {
            if let Some(packet) = self.whole() {
                return Ok(packet);
            }
            let read = tokio::time::timeout(PATIENCE, self.tls.read_buf(&mut self.buffer)).await;
            if read.expect("the broker says something")? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    fn whole(&mut self) -> Option<(u8, Vec<u8>)> {
        let (mut length, mut shift, mut at) = (0usize, 0, 1);
        loop {
            let byte = *self.buffer.get(at)?;
            length |= usize::from(byte & 0x7f) << shift;
            (shift, at) = (shift + 7, at + 1);
            if byte & 0x80 == 0 {
                break;
            }
        }
        if self.buffer.len() < at + length {
            return None;
        }
        let first = self.buffer[0];
        self.buffer.advance(at);
        Some((first, self.buffer.split_to(length).to_vec()))
    }

    /// Subscribes with QoS 1; the codes of the SUBACK. Publishes that come first are dropped.
    async fn subscribe(&mut self, filters: &[&str]) -> Vec<u8> {
        let mut body = vec![0, 9];
        for filter in filters {
            text(&mut body, filter.as_bytes());
            body.push(1);
        }
        self.send(&packet(0x82, &body)).await.unwrap();
        loop {
            let (first, body) = self.packet().await.unwrap();
            if first == 0x90 {
                return body[2..].to_vec();
            }
        }
    }

    /// Publishes with QoS 1 and waits for the PUBACK.
    async fn publish(&mut self, topic: &str, payload: &[u8], retain: bool) -> std::io::Result<()> {
        self.send(&publish(topic.as_bytes(), payload, retain)).await?;
        loop {
            if let (0x40, body) = self.packet().await? {
                assert_eq!(body, [0, 7]);
                return Ok(());
            }
        }
    }

    /// The next publish: topic, payload, packet id with QoS 1, retained.
    async fn delivery(&mut self) -> std::io::Result<Delivery> {
        loop {
            let (first, body) = self.packet().await?;
            if first >> 4 != 3 {
                continue;
            }
            let mut body = &body[..];
            let length = usize::from(body.get_u16());
            let topic = String::from_utf8(body[..length].to_vec()).unwrap();
            body.advance(length);
            let id = (first & 0b110 != 0).then(|| body.get_u16());
            return Ok(Delivery { topic, payload: body.to_vec(), id, retained: first & 1 == 1 });
        }
    }

    async fn acknowledge(&mut self, id: u16) {
        let [high, low] = id.to_be_bytes();
        self.send(&[0x40, 2, high, low]).await.unwrap();
    }

    /// Waits until the broker closes.
    async fn closed(&mut self) {
        while self.packet().await.is_ok() {}
    }

    /// A round trip that proves the connection alive.
    async fn ping(&mut self) -> std::io::Result<()> {
        self.send(&[0xc0, 0]).await?;
        while self.packet().await?.0 != 0xd0 {}
        Ok(())
    }
}

struct Delivery {
    topic: String,
    payload: Vec<u8>,
    id: Option<u16>,
    retained: bool,
}

fn publish(topic: &[u8], payload: &[u8], retain: bool) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    body.put_u16(7);
    body.extend_from_slice(payload);
    packet(0x32 | u8::from(retain), &body)
}

fn up(cn: &str) -> String {
    Topic::up(&cn.parse().unwrap()).to_string()
}

fn ack(cn: &str) -> String {
    Topic::ack(&cn.parse().unwrap()).to_string()
}

fn status(cn: &str) -> String {
    Topic::status(&cn.parse().unwrap()).to_string()
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("done in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_reaches_ingest_and_its_ack_reaches_the_agent() {
    let world = World::start().await;
    let (agent, mut agent_events) = world.rumqttc(&world.issue("acme.one"));
    let (ingest, mut ingest_events) = world.rumqttc(&world.issue("service.ingest1"));
    ingest.subscribe(filter::up_all(), QoS::AtLeastOnce).await.unwrap();
    agent.subscribe(filter::down_all(&"acme.one".parse().unwrap()), QoS::AtLeastOnce).await.unwrap();
    let served = tokio::spawn(async move {
        let mut subscribed = Some(());
        let mut seen = 0;
        while seen < 250 {
            match ingest_events.poll().await.unwrap() {
                Event::Incoming(rumqttc::Packet::SubAck(_)) => {
                    subscribed.take();
                }
                Event::Incoming(rumqttc::Packet::Publish(publish)) => {
                    assert!(subscribed.is_none());
                    seen += 1;
                    ingest.publish(ack("acme.one"), QoS::AtLeastOnce, false, publish.payload.clone()).await.unwrap();
                    ingest.ack(&publish).await.unwrap();
                }
                _ => {}
            }
        }
        // The last acks leave while these are polled.
        loop {
            if ingest_events.poll().await.is_err() {
                break;
            }
        }
    });
    let mut acked = Vec::new();
    let mut sent = 0u32;
    within(async {
        world.wait_for_metric("broker_connections", 1.0).await;
        while acked.len() < 250 {
            match agent_events.poll().await.unwrap() {
                Event::Incoming(rumqttc::Packet::SubAck(_)) => {
                    while world.metric("broker_connections").await < 2.0 {}
                    // Ingest is subscribed once its connection counts and a ping has passed behind its SUBSCRIBE.
                    world.client("service.portal").await.ping().await.unwrap();
                    let agent = agent.clone();
                    sent = 250;
                    tokio::spawn(async move {
                        for number in 0..250u32 {
                            agent
                                .publish(up("acme.one"), QoS::AtLeastOnce, false, number.to_be_bytes().to_vec())
                                .await
                                .unwrap();
                        }
                    });
                }
                Event::Incoming(rumqttc::Packet::Publish(publish)) => {
                    acked.push(u32::from_be_bytes(publish.payload[..].try_into().unwrap()));
                    agent.ack(&publish).await.unwrap();
                }
                _ => {}
            }
        }
    })
    .await;
    assert_eq!(sent, 250);
    assert_eq!(acked, (0..250).collect::<Vec<_>>(), "each once, in order");
    world.stop().await.unwrap();
    within(served).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_speaks_or_hears_for_another() {
    let world = World::start().await;
    let mut ingest = world.client("service.ingest1").await;
    let mut two = world.client("acme.two").await;
    assert_eq!(ingest.subscribe(&["platen/v1/up/#", "platen/v1/status/#"]).await, [1, 0]);
    assert_eq!(two.subscribe(&["platen/v1/down/acme.two/#"]).await, [1]);

    let one = world.issue("acme.one");
    let wrong =
        format!("platen/v1/up/{}/acme.one", ("acme.one".parse::<AgentCn>().unwrap().partition().number() + 1) % 64);
    for topic in [
        up("acme.two"),
        status("acme.two"),
        ack("acme.two"),
        ack("acme.one"),
        wrong,
        "x".into(),
        "#".into(),
        "platen/v1/up/+/acme.one".into(),
        "$SYS/x".into(),
        String::new(),
        "\u{e9}/x".into(),
        "platen/canary".into(),
    ] {
        let mut client = world.client_with(&one).await;
        assert!(client.publish(&topic, b"forged", false).await.is_err(), "{topic} closes the connection");
    }
    let mut client = world.client_with(&one).await;
    assert!(client.publish(&up("acme.one"), b"kept", true).await.is_err(), "no retained payloads");
    let mut portal = world.client("service.portal").await;
    assert!(portal.publish(&ack("acme.two"), b"forged", false).await.is_err(), "acks come from ingest only");

    let mut client = world.client_with(&one).await;
    let filters = [
        "platen/v1/down/acme.one/#",
        "platen/v1/down/acme.two/#",
        "platen/v1/down/+/ack",
        "platen/v1/up/#",
        "#",
        "+/+",
        "$share/g/platen/v1/down/acme.one/#",
        "platen/v1/down/acme.one/ack",
    ];
    assert_eq!(client.subscribe(&filters).await, [1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1]);

    // What is allowed arrives first, so nothing forbidden came before it.
    client.publish(&up("acme.one"), b"true", false).await.unwrap();
    let seen = ingest.delivery().await.unwrap();
    assert_eq!((seen.topic, seen.payload, seen.retained), (up("acme.one"), b"true".to_vec(), false));
    ingest.publish(&ack("acme.two"), b"yours", false).await.unwrap();
    assert_eq!(two.delivery().await.unwrap().payload, b"yours");
    client.ping().await.expect("acme.one heard nothing of that");
    assert!(client.buffer.is_empty());
    assert!(world.metric("broker_refusals_total{reason=\"foreign\"}").await >= 4.0);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_good_certificate_or_another_name_is_not_let_in() {
    let world = World::start().await;
    let one = world.issue("acme.one");
    assert!(world.refusal(None, "acme.one").await.contains("CertificateRequired"));

    let elsewhere = Authority::create(&world.dir.path().join("foreign"), "test", days(30), false).unwrap();
    let foreign = issue(&elsewhere, "acme.one", days(30));
    let seen = world.refusal(Some(&foreign), "acme.one").await;
    assert!(seen.contains("alert"), "{seen}");

    let past = Validity { not_before: days(1).not_before, not_after: days(1).not_before };
    let expired = issue(&world.authority, "acme.one", past);
    assert!(world.refusal(Some(&expired), "acme.one").await.contains("CertificateExpired"));

    let server = world.authority.issue_broker(&["acme.one".to_owned()], days(30)).unwrap();
    assert!(world.refusal(Some(&server), "acme.one").await.contains("alert"), "a broker's certificate is no client's");

    for id in ["acme.two", "", "ACME.ONE", "service.ingest1"] {
        assert_eq!(world.refusal(Some(&one), id).await, "code 2", "{id:?}");
    }
    let will = Hello { will: Some(("platen/v1/status/acme.two", b"x")), ..Hello::of("acme.one") };
    assert_eq!(world.greet(world.tls(Some(&one)), will).await.unwrap().1, 5);

    let revoked = world.issue("acme.three");
    world.authority.revoke("acme.three").unwrap();
    world.wait_for_metric("broker_reloads_total{result=\"done\"}", 1.0).await;
    assert!(world.refusal(Some(&revoked), "acme.three").await.contains("CertificateRevoked"));
    for reason in [
        "certificate_missing",
        "certificate_foreign",
        "certificate_expired",
        "certificate_invalid",
        "client_id",
        "will",
        "certificate_revoked",
    ] {
        let name = format!("broker_connects_total{{result=\"refused\",reason=\"{reason}\"}}");
        world.wait_for_metric(&name, 1.0).await;
    }
    world.client_with(&one).await.ping().await.unwrap();
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_keep_nobody_out() {
    let world =
        World::with(ListenConfig { handshakes_per_address: 60, ..ListenConfig::default() }, LimitsConfig::default())
            .await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    let issued = world.issue("acme.one");
    // One that finished TLS and says nothing.
    let _mute = world.dial(world.tls(Some(&issued))).await.unwrap();
    let mut client = world.client("acme.two").await;
    client.ping().await.unwrap();
    for _ in 0..60 {
        silent.push(TcpStream::connect(world.address).await.unwrap());
    }
    world.wait_for_metric("broker_connects_total{result=\"refused\",reason=\"address_max\"}", 1.0).await;
    client.ping().await.expect("who is in stays in");
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_not_mqtt_harm_nobody_else() {
    let world = World::start().await;
    let one = world.issue("acme.one");
    let mut other = world.client("acme.two").await;
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |length: usize| -> Vec<u8> {
        let byte = |_| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise.to_le_bytes()[0]
        };
        (0..length).map(byte).collect()
    };
    for length in [1, 7, 300, 5000] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        let _ = stream.write_all(&random(length)).await;
        let mut tls = world.dial(world.tls(Some(&one))).await.unwrap();
        let _ = tls.write_all(&random(length)).await;
        let mut client = world.client_with(&one).await;
        let _ = client.send(&random(length)).await;
    }
    let mut huge = packet(0x32, &[]);
    huge.truncate(1);
    huge.extend([0xff, 0xff, 0xff, 0x7f]);
    let qos2 = packet(0x34, b"\0\x01a\0\x01");
    let second_connect = Hello::of("acme.one").bytes();
    let oversize = publish(up("acme.one").as_bytes(), &[0; 16 * 1024 + 1], false);
    let large_status = publish(status("acme.one").as_bytes(), &[0; 1025], true);
    for (bytes, reason) in [
        (huge, "oversize"),
        (qos2, "malformed"),
        (second_connect, "malformed"),
        (oversize, "oversize"),
        (large_status, "oversize"),
        (vec![0x00, 0x00], "malformed"),
        (vec![0xf0, 0x00], "malformed"),
        (vec![0x62, 2, 0, 1], "malformed"),
    ] {
        let name = format!("broker_disconnects_total{{reason=\"{reason}\"}}");
        let before = world.metric(&name).await;
        let mut client = world.client_with(&one).await;
        client.send(&bytes).await.unwrap();
        client.closed().await;
        world.wait_for_metric(&name, before + 1.0).await;
    }
    let mut client = world.client_with(&one).await;
    client.publish(&up("acme.one"), &[0; 16 * 1024], false).await.expect("the largest payload passes");
    other.ping().await.expect("nobody else noticed");
    assert!(world.page("/health").await.starts_with("HTTP/1.1 200"));
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_connection_of_an_agent_replaces_the_first() {
    let world = World::start().await;
    let one = world.issue("acme.one");
    let mut ingest = world.client("service.ingest1").await;
    ingest.subscribe(&["platen/v1/up/#"]).await;
    let mut first = world.client_with(&one).await;
    first.subscribe(&["platen/v1/down/acme.one/#"]).await;
    let mut second = world.client_with(&one).await;
    first.closed().await;
    second.subscribe(&["platen/v1/down/acme.one/#"]).await;
    second.publish(&up("acme.one"), b"second", false).await.unwrap();
    assert_eq!(ingest.delivery().await.unwrap().payload, b"second");
    ingest.publish(&ack("acme.one"), b"for the second", false).await.unwrap();
    assert_eq!(second.delivery().await.unwrap().payload, b"for the second");
    assert!((world.metric("broker_takeovers_total").await - 1.0).abs() < 0.1);

    // Ten at once: one stays, and the broker stays in order.
    let many = (0..10).map(|_| world.client_with(&one));
    let mut many = within(futures_util::future::join_all(many)).await;
    world.wait_for_metric("broker_takeovers_total", 11.0).await;
    let mut alive = 0;
    for client in &mut many {
        alive += usize::from(client.ping().await.is_ok());
    }
    assert_eq!(alive, 1);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_will_is_published_for_the_lost_and_not_for_those_who_say_goodbye() {
    let world = World::start().await;
    let one = world.issue("acme.one");
    let topic = status("acme.one");
    let hello = Hello { will: Some((&topic, b"gone")), ..Hello::of("acme.one") };
    let mut ingest = world.client("service.ingest1").await;
    ingest.subscribe(&["platen/v1/status/#"]).await;

    let (mut polite, _) = world.greet(world.tls(Some(&one)), hello).await.unwrap();
    polite.publish(&topic, b"here", true).await.unwrap();
    polite.send(&[0xe0, 0]).await.unwrap();
    polite.closed().await;
    let (lost, _) = world.greet(world.tls(Some(&one)), hello).await.unwrap();
    drop(lost);
    let seen = [ingest.delivery().await.unwrap(), ingest.delivery().await.unwrap()].map(|delivery| delivery.payload);
    assert_eq!(seen, [b"here".to_vec(), b"gone".to_vec()]);

    let (_replaced, _) = world.greet(world.tls(Some(&one)), hello).await.unwrap();
    let mut successor = world.client_with(&one).await;
    assert_eq!(ingest.delivery().await.unwrap().payload, b"gone", "a replaced connection is lost too");
    successor.publish(&topic, b"back", true).await.unwrap();
    assert_eq!(ingest.delivery().await.unwrap().payload, b"back");

    // Presence is retained for whoever comes later.
    let mut late = world.client("service.portal").await;
    late.subscribe(&["platen/v1/status/+"]).await;
    late.send(&[0xc0, 0]).await.unwrap();
    world.wait_for_metric("broker_wills_total", 2.0).await;
    let mut again = world.client("service.other").await;
    again.send(&packet(0x82, &[&[0, 9, 0, 18][..], b"platen/v1/status/#", &[1]].concat())).await.unwrap();
    let kept = again.delivery().await.unwrap();
    assert_eq!((kept.payload, kept.retained, kept.id), (b"back".to_vec(), true, None));
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn revoking_closes_the_live_connection_and_only_that() {
    let world = World::start().await;
    let (one, two) = (world.issue("acme.one"), world.issue("acme.two"));
    let (mut first, mut second) = (world.client_with(&one).await, world.client_with(&two).await);
    world.authority.revoke("acme.one").unwrap();
    first.closed().await;
    second.ping().await.unwrap();
    assert!(world.refusal(Some(&one), "acme.one").await.contains("CertificateRevoked"));
    world.wait_for_metric("broker_disconnects_total{reason=\"certificate_revoked\"}", 1.0).await;
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_ends_with_its_certificate() {
    let world = World::start().await;
    let mut validity = days(1);
    validity.not_after = validity.not_before + Duration::from_secs(86_400 + 3);
    let short = issue(&world.authority, "acme.one", validity);
    let mut client = world.client_with(&short).await;
    client.closed().await;
    world.wait_for_metric("broker_disconnects_total{reason=\"certificate_expired\"}", 1.0).await;
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_certificate_of_the_broker_is_taken_without_restart_and_a_bad_one_is_not() {
    let world = World::start().await;
    let one = world.issue("acme.one");
    let mut client = world.client_with(&one).await;
    let out = world.dir.path().join("broker");
    std::fs::write(out.join("broker.pem"), "nonsense").unwrap();
    world.wait_for_metric("broker_reloads_total{result=\"failed\"}", 1.0).await;
    world.client("acme.two").await.ping().await.expect("the old certificate serves on");

    let renewed = world.authority.issue_broker(&["localhost".to_owned()], days(60)).unwrap();
    renewed.write(&out, "broker", true).unwrap();
    world.wait_for_metric("broker_reloads_total{result=\"done\"}", 1.0).await;
    let again = world.dial(world.tls(Some(&one))).await.unwrap();
    let shown = again.get_ref().1.peer_certificates().unwrap()[0].clone();
    assert_eq!(shown, CertificateDer::from_pem_slice(renewed.certificate_pem.as_bytes()).unwrap());
    client.ping().await.expect("live connections stay");
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_agents_connect_at_once_and_all_presence_is_kept() {
    let world = World::start().await;
    let issued: Vec<Issued> = (0..200).map(|number| world.issue(&format!("acme.a{number}"))).collect();
    let clients = within(futures_util::future::join_all(issued.iter().map(|issued| async {
        let mut client = world.client_with(issued).await;
        let topic = format!("platen/v1/down/{}/#", issued.cn);
        assert_eq!(client.subscribe(&[&topic]).await, [1]);
        client.publish(&status(&issued.cn), b"here", true).await.unwrap();
        client
    })))
    .await;
    assert!((world.metric("broker_connections").await - 200.0).abs() < 0.1);
    let mut ingest = world.client("service.ingest1").await;
    ingest.send(&packet(0x82, &[&[0, 9, 0, 18][..], b"platen/v1/status/#", &[1]].concat())).await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 200 {
        seen.insert(ingest.delivery().await.unwrap().topic);
    }
    drop(clients);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_subscriber_misses_nothing_though_its_queue_is_small() {
    let small = LimitsConfig {
        queue_bytes: 1024 * 1024,
        messages_per_second: 1_000_000,
        bytes_per_second: 1_000_000_000,
        ..LimitsConfig::default()
    };
    let world = World::with(ListenConfig::default(), small).await;
    let mut ingest = world.client("service.ingest1").await;
    ingest.subscribe(&["platen/v1/up/#"]).await;
    let senders = ["acme.one", "acme.two", "acme.three"].map(|cn| world.client(cn));
    let senders = futures_util::future::join_all(senders).await;
    let sending: Vec<_> = senders
        .into_iter()
        .zip(["acme.one", "acme.two", "acme.three"])
        .map(|(mut sender, cn)| {
            tokio::spawn(async move {
                for number in 0..1000u32 {
                    let mut payload = vec![0; 4096];
                    payload[..4].copy_from_slice(&number.to_be_bytes());
                    sender.publish(&up(cn), &payload, false).await.unwrap();
                }
            })
        })
        .collect();
    let mut next = std::collections::BTreeMap::new();
    within(async {
        for _ in 0..3000 {
            let delivery = ingest.delivery().await.unwrap();
            let number = u32::from_be_bytes(delivery.payload[..4].try_into().unwrap());
            let expected: &mut u32 = next.entry(delivery.topic).or_default();
            assert_eq!(number, *expected);
            *expected += 1;
            ingest.acknowledge(delivery.id.unwrap()).await;
        }
    })
    .await;
    for sender in sending {
        sender.await.unwrap();
    }
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_takes_nothing_is_closed_and_publishers_go_on() {
    let small = LimitsConfig {
        queue_bytes: 1024 * 1024,
        messages_per_second: 1_000_000,
        bytes_per_second: 1_000_000_000,
        ..LimitsConfig::default()
    };
    let world = World::with(ListenConfig::default(), small).await;
    let mut stuck = world.client("service.ingest1").await;
    stuck.subscribe(&["platen/v1/up/#"]).await;
    let mut agent = world.client("acme.one").await;
    // The window of 100, the queue of 1 MiB, and a little.
    for _ in 0..190 {
        agent.publish(&up("acme.one"), &[7; 16 * 1024], false).await.unwrap();
    }
    within(stuck.closed()).await;
    world.wait_for_metric("broker_disconnects_total{reason=\"slow\"}", 1.0).await;
    let mut fresh = world.client("service.ingest1").await;
    fresh.subscribe(&["platen/v1/up/#"]).await;
    agent.publish(&up("acme.one"), b"again", false).await.unwrap();
    assert_eq!(fresh.delivery().await.unwrap().payload, b"again");
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acks_in_any_order_keep_the_window_open() {
    let world = World::start().await;
    let mut ingest = world.client("service.ingest1").await;
    ingest.subscribe(&["platen/v1/up/#"]).await;
    let mut agent = world.client("acme.one").await;
    for number in 0..100u32 {
        agent.publish(&up("acme.one"), &number.to_be_bytes(), false).await.unwrap();
    }
    let mut ids = Vec::new();
    for _ in 0..100 {
        ids.push(ingest.delivery().await.unwrap().id.unwrap());
    }
    agent.publish(&up("acme.one"), b"waits", false).await.unwrap();
    ingest.acknowledge(999).await;
    for id in ids.iter().rev() {
        ingest.acknowledge(*id).await;
    }
    assert_eq!(ingest.delivery().await.unwrap().payload, b"waits");
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_can_be_heard_singly_and_left_again() {
    let world = World::start().await;
    let mut worker = world.client("service.ingest1").await;
    let partition = "acme.one".parse::<AgentCn>().unwrap().partition();
    let filter = filter::up(partition);
    assert_eq!(worker.subscribe(&[&filter]).await, [1]);
    let mut agent = world.client("acme.one").await;
    agent.publish(&up("acme.one"), b"1", false).await.unwrap();
    let delivery = worker.delivery().await.unwrap();
    worker.acknowledge(delivery.id.unwrap()).await;
    let mut body = vec![0, 5];
    text(&mut body, filter.as_bytes());
    text(&mut body, b"never/subscribed");
    worker.send(&packet(0xa2, &body)).await.unwrap();
    assert_eq!(worker.packet().await.unwrap(), (0xb0, vec![0, 5]), "one UNSUBACK for all");
    agent.publish(&up("acme.one"), b"2", false).await.unwrap();
    assert_eq!(worker.subscribe(&[&filter]).await, [1]);
    agent.publish(&up("acme.one"), b"3", false).await.unwrap();
    assert_eq!(worker.delivery().await.unwrap().payload, b"3");
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_beyond_its_quota_is_slowed_down_and_loses_nothing() {
    let tight = LimitsConfig { messages_per_second: 50, ..LimitsConfig::default() };
    let world = World::with(ListenConfig::default(), tight).await;
    let mut ingest = world.client("service.ingest1").await;
    ingest.subscribe(&["platen/v1/up/#"]).await;
    let mut agent = world.client("acme.one").await;
    for number in 0..110u32 {
        agent.publish(&up("acme.one"), &number.to_be_bytes(), false).await.unwrap();
        let delivery = ingest.delivery().await.unwrap();
        assert_eq!(delivery.payload, number.to_be_bytes());
        ingest.acknowledge(delivery.id.unwrap()).await;
    }
    assert!(world.metric("broker_throttled_total").await > 0.0);
    world.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_closes_the_connections_and_the_port() {
    let world = World::start().await;
    let mut agent = world.client("acme.one").await;
    let health = world.page("/health").await;
    assert!(health.contains(&format!("\"mqtt_address\":\"{}\"", world.address)), "{health}");
    let address = world.address;
    world.stop().await.unwrap();
    agent.closed().await;
    assert!(TcpStream::connect(address).await.is_err());
}
