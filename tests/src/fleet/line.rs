//! One MQTT connection over TLS, as small as thousands of them in one process need it.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Context, Result, bail, ensure};
use bytes::BytesMut;
use rumqttc::QoS;
use rumqttc::mqttbytes::Error;
use rumqttc::mqttbytes::v4::{ConnAck, Connect, ConnectReturnCode, LastWill, Packet, PubAck, Publish, Subscribe};
use rustls_pki_types::ServerName;
use schemas::topic::{Topic, filter};
use schemas::wire::{Status, encode_status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::identity::Identity;
use super::limits::PACKET_BYTES_MAX;

/// Keep-alive of the agent in seconds. A drill is shorter, so nobody pings.
const KEEP_ALIVE_S: u16 = 1_200;

pub(super) struct Line {
    stream: TlsStream<TcpStream>,
    input: BytesMut,
    output: BytesMut,
    packet_id: u16,
}

impl Line {
    /// From `source` (each agent stands at an address of its own) until CONNACK and SUBACK, presence included.
    ///
    /// # Errors
    /// Whatever the network or the broker says.
    pub(super) async fn connect(identity: &Identity, source: Ipv4Addr, port: u16) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((source, 0)))?;
        let stream = socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("127.0.0.1")?;
        let stream = TlsConnector::from(std::sync::Arc::clone(&identity.tls)).connect(name, stream).await?;
        let mut line = Self { stream, input: BytesMut::new(), output: BytesMut::new(), packet_id: 0 };
        line.greet(identity).await?;
        Ok(line)
    }

    async fn greet(&mut self, identity: &Identity) -> Result<()> {
        let status = Topic::status(&identity.cn).to_string();
        let said = |online: bool| encode_status(&Status { online, session: 1, version: "fleet".to_owned() });
        let mut connect = Connect::new(identity.cn.as_str());
        connect.keep_alive = KEEP_ALIVE_S;
        connect.clean_session = true;
        connect.last_will = Some(LastWill::new(status.clone(), said(false)?, QoS::AtLeastOnce, true));
        connect.write(&mut self.output)?;
        self.flush().await?;
        match self.read().await? {
            Packet::ConnAck(ConnAck { code: ConnectReturnCode::Success, .. }) => {}
            other => bail!("the broker answers CONNECT with {other:?}"),
        }
        let mut subscribe = Subscribe::new(filter::down_all(&identity.cn), QoS::AtLeastOnce);
        subscribe.pkid = self.next_id();
        subscribe.write(&mut self.output)?;
        self.publish(&status, said(true)?, true)?;
        self.flush().await
    }

    /// Writes a publish into the buffer; [`Line::flush`] sends it.
    pub(super) fn publish(&mut self, topic: &str, payload: Vec<u8>, retain: bool) -> Result<()> {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.pkid = self.next_id();
        publish.retain = retain;
        publish.write(&mut self.output)?;
        Ok(())
    }

    pub(super) fn confirm(&mut self, publish: &Publish) -> Result<()> {
        PubAck::new(publish.pkid).write(&mut self.output)?;
        Ok(())
    }

    pub(super) async fn flush(&mut self) -> Result<()> {
        if !self.output.is_empty() {
            let output = self.output.split();
            self.stream.write_all(&output).await?;
            self.stream.flush().await?;
        }
        Ok(())
    }

    /// The next packet. May be given up and called again: what was read stays.
    ///
    /// # Errors
    /// When the connection ends or something else than MQTT comes.
    pub(super) async fn read(&mut self) -> Result<Packet> {
        loop {
            match Packet::read(&mut self.input, PACKET_BYTES_MAX) {
                Ok(packet) => return Ok(packet),
                Err(Error::InsufficientBytes(_)) => {}
                Err(error) => bail!("a packet from the broker: {error}"),
            }
            let read = self.stream.read_buf(&mut self.input).await.context("read from the broker")?;
            ensure!(read > 0, "the broker closed the connection");
        }
    }

    fn next_id(&mut self) -> u16 {
        self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
        self.packet_id
    }
}
