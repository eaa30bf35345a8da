//! An MQTT 3.1.1 client that speaks bytes: it says what it is told to, right or wrong, and shows what comes back. For tests
//! of brokers, and light enough to be held by the thousand.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use broker_config::pki::Issued;
use bytes::{Buf, BufMut, BytesMut};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Nothing that a broker answers takes nearly as long; a hang fails instead of blocking.
const PATIENCE: Duration = Duration::from_secs(30);
/// Packet id of every SUBSCRIBE and of every publish: one is under way at a time.
const PACKET_ID: u16 = 7;

/// The first bytes of packets (MQTT 3.1.1 §2.2.1).
pub const CONNACK: u8 = 0x20;
pub const PUBACK: u8 = 0x40;
pub const SUBACK: u8 = 0x90;
pub const PINGRESP: u8 = 0xd0;

/// TLS with a certificate straight from the authority; without one if none is given.
///
/// # Errors
/// When the PEM texts are not usable.
pub fn tls(ca_pem: &str, issued: Option<&Issued>) -> anyhow::Result<Arc<ClientConfig>> {
    tls_of(&rustls::version::TLS13, ca_pem, issued)
}

/// As [`tls`], in another version.
///
/// # Errors
/// As [`tls`].
pub fn tls_of(
    version: &'static SupportedProtocolVersion,
    ca_pem: &str,
    issued: Option<&Issued>,
) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version])?;
    let builder = builder.with_root_certificates(roots);
    Ok(Arc::new(match issued {
        None => builder.with_no_client_auth(),
        Some(issued) => builder.with_client_auth_cert(
            vec![CertificateDer::from_pem_slice(issued.certificate_pem.as_bytes())?],
            PrivateKeyDer::from_pem_slice(issued.key_pem().as_bytes())?,
        )?,
    }))
}

/// TCP and TLS to a broker whose certificate says `localhost`.
///
/// # Errors
/// When there is no connection. With TLS 1.3 a refused client certificate shows only with the first read.
pub async fn dial(address: SocketAddr, tls: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").map_err(Error::other)?;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    TlsConnector::from(tls).connect(name, stream).await
}

/// A CONNECT.
#[derive(Debug, Clone, Copy)]
pub struct Hello<'a> {
    pub id: &'a str,
    pub user: Option<&'a str>,
    /// Topic and message; QoS 1 and retained.
    pub will: Option<(&'a str, &'a [u8])>,
    pub keep_alive_s: u16,
    pub clean: bool,
}

impl<'a> Hello<'a> {
    pub fn of(id: &'a str) -> Self {
        Self { id, user: None, will: None, keep_alive_s: 60, clean: true }
    }

    pub fn bytes(self) -> Vec<u8> {
        let mut body = Vec::from(*b"\0\x04MQTT\x04");
        let flag = |set: bool, bits: u8| if set { bits } else { 0 };
        body.push(
            flag(self.clean, 0b10) | flag(self.will.is_some(), 0b0010_1100) | flag(self.user.is_some(), 0b1000_0000),
        );
        body.put_u16(self.keep_alive_s);
        text(&mut body, self.id.as_bytes());
        if let Some((topic, message)) = self.will {
            text(&mut body, topic.as_bytes());
            text(&mut body, message);
        }
        if let Some(user) = self.user {
            text(&mut body, user.as_bytes());
        }
        packet(0x10, &body)
    }
}

/// Appends a text as MQTT does: two bytes of length, then its bytes.
pub fn text(body: &mut Vec<u8>, text: &[u8]) {
    body.put_u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
    body.extend_from_slice(text);
}

/// A whole packet.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let low = u8::try_from(length % 128).unwrap_or(0);
        length /= 128;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

/// A publish with QoS 1.
pub fn publish(topic: &[u8], payload: &[u8], retain: bool) -> Vec<u8> {
    let mut body = Vec::new();
    text(&mut body, topic);
    body.put_u16(PACKET_ID);
    body.extend_from_slice(payload);
    packet(0x32 | u8::from(retain), &body)
}

/// A message that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub topic: String,
    pub payload: Vec<u8>,
    /// Packet id, with QoS 1.
    pub id: Option<u16>,
    pub retained: bool,
    /// Given before.
    pub again: bool,
}

/// A connection.
#[derive(Debug)]
pub struct Raw {
    pub tls: TlsStream<TcpStream>,
    buffer: BytesMut,
}

impl Raw {
    /// Connects and says CONNECT; the return code of the CONNACK.
    ///
    /// # Errors
    /// When the broker answers in another way, or not at all.
    pub async fn greet(address: SocketAddr, tls: Arc<ClientConfig>, hello: Hello<'_>) -> Result<(Self, u8)> {
        let mut raw = Self { tls: dial(address, tls).await?, buffer: BytesMut::new() };
        raw.send(&hello.bytes()).await?;
        match raw.packet().await? {
            (CONNACK, body) if body.len() == 2 => Ok((raw, body[1])),
            (first, _) => Err(Error::other(format!("a packet {first:#x} instead of a CONNACK"))),
        }
    }

    /// # Errors
    /// When the connection ended.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.tls.write_all(bytes).await?;
        self.tls.flush().await
    }

    /// The next packet: its first byte and its body.
    ///
    /// # Errors
    /// When the broker closed, or says nothing.
    pub async fn packet(&mut self) -> Result<(u8, Vec<u8>)> {
        loop {
            if let Some(packet) = self.whole() {
                return Ok(packet);
            }
            self.buffer.reserve(512);
            match tokio::time::timeout(PATIENCE, self.tls.read_buf(&mut self.buffer)).await {
                Ok(Ok(0)) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(ErrorKind::TimedOut.into()),
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
    ///
    /// # Errors
    /// When the connection ended.
    pub async fn subscribe(&mut self, filters: &[&str]) -> Result<Vec<u8>> {
        let mut body = PACKET_ID.to_be_bytes().to_vec();
        for filter in filters {
            text(&mut body, filter.as_bytes());
            body.push(1);
        }
        self.send(&packet(0x82, &body)).await?;
        loop {
            if let (SUBACK, body) = self.packet().await? {
                return Ok(body[2..].to_vec());
            }
        }
    }

    /// Publishes with QoS 1 and waits for the PUBACK. Publishes that come first are dropped.
    ///
    /// # Errors
    /// When the connection ended.
    pub async fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<()> {
        self.send(&publish(topic.as_bytes(), payload, false)).await?;
        self.until(PUBACK).await
    }

    /// As [`Raw::publish`], retained.
    ///
    /// # Errors
    /// As [`Raw::publish`].
    pub async fn retain(&mut self, topic: &str, payload: &[u8]) -> Result<()> {
        self.send(&publish(topic.as_bytes(), payload, true)).await?;
        self.until(PUBACK).await
    }

    /// The next message; it is not acknowledged.
    ///
    /// # Errors
    /// When the connection ended.
    pub async fn delivery(&mut self) -> Result<Delivery> {
        loop {
            let (first, body) = self.packet().await?;
            if first >> 4 != 3 {
                continue;
            }
            let mut body = &body[..];
            let length = usize::from(body.get_u16());
            let topic = String::from_utf8_lossy(&body[..length]).into_owned();
            body.advance(length);
            let id = (first & 0b110 != 0).then(|| body.get_u16());
            let (retained, again) = (first & 1 == 1, first & 0b1000 != 0);
            return Ok(Delivery { topic, payload: body.to_vec(), id, retained, again });
        }
    }

    /// Takes and acknowledges messages until one with this payload comes; all before it.
    ///
    /// # Errors
    /// When the connection ended.
    pub async fn before(&mut self, payload: &[u8]) -> Result<Vec<Delivery>> {
        let mut seen = Vec::new();
        loop {
            let delivery = self.delivery().await?;
            if let Some(id) = delivery.id {
                self.acknowledge(id).await?;
            }
            if delivery.payload == payload {
                return Ok(seen);
            }
            seen.push(delivery);
        }
    }

    /// # Errors
    /// When the connection ended.
    pub async fn acknowledge(&mut self, id: u16) -> Result<()> {
        let [high, low] = id.to_be_bytes();
        self.send(&[PUBACK, 2, high, low]).await
    }

    /// A round trip that proves the connection alive. Publishes that come first are dropped.
    ///
    /// # Errors
    /// When it is not.
    pub async fn ping(&mut self) -> Result<()> {
        self.send(&[0xc0, 0]).await?;
        self.until(PINGRESP).await
    }

    /// Waits until the broker closes.
    ///
    /// # Errors
    /// When it does not.
    pub async fn closed(&mut self) -> Result<()> {
        loop {
            match self.packet().await {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => return Err(error),
                Err(_) => return Ok(()),
            }
        }
    }

    /// Says DISCONNECT.
    ///
    /// # Errors
    /// When the connection ended before.
    pub async fn goodbye(mut self) -> Result<()> {
        self.send(&[0xe0, 0]).await?;
        self.closed().await
    }

    async fn until(&mut self, first: u8) -> Result<()> {
        while self.packet().await?.0 != first {}
        Ok(())
    }
}
