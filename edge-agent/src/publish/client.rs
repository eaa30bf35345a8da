//! One MQTT connection; the only user of the MQTT client.
//!
//! Built anew for each attempt, from certificates that were read just now. What happens on it comes out as an [`Event`] in
//! our own words; what it queues and forgets is of no matter, because what is to be sent comes from the spool.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{
    AsyncClient, EventLoop, LastWill, MqttOptions, NetworkOptions, Outgoing, Packet, QoS, SubscribeReasonCode,
    TlsConfiguration, Transport,
};
use rustls::ClientConfig;
use schemas::id::AgentCn;
use schemas::topic::{Topic, filter};
use schemas::wire::{Status, encode_status};

use super::fault::Fault;
use crate::limits::{CONNECT_TIMEOUT, MQTT_INFLIGHT, MQTT_REQUESTS, PACKET_BYTES_MAX};

/// How long a goodbye may take.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// What a connection is made of.
#[derive(Debug)]
pub(super) struct Connection<'a> {
    pub(super) cn: &'a AgentCn,
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) keep_alive: Duration,
    pub(super) tls: Arc<ClientConfig>,
    /// Tells this connection's status messages from those of others.
    pub(super) number: u64,
}

/// What happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The broker accepted us.
    Connected,
    /// A request left the queue.
    Written,
    /// The broker has one of our publishes.
    Received,
    /// The agent is told something.
    Told { topic: String, payload: Bytes },
    /// Our goodbye left.
    Left,
    /// Nothing that matters.
    Other,
}

/// The asking side of a connection.
pub(super) struct Requests {
    client: AsyncClient,
    cn: AgentCn,
    number: u64,
}

/// The hearing side of a connection. It must be asked for events all the time, or nothing moves.
pub(super) struct Events {
    events: EventLoop,
}

impl Connection<'_> {
    /// Prepares the connection; it is made when its events are asked for.
    pub(super) fn open(self) -> (Requests, Events) {
        let mut options = MqttOptions::new(self.cn.as_str(), self.host, self.port);
        options
            .set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(self.tls)))
            .set_keep_alive(self.keep_alive)
            .set_clean_session(true)
            .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX)
            .set_inflight(MQTT_INFLIGHT);
        let topic = Topic::status(self.cn).to_string();
        if let Some(will) = status(false, self.number) {
            options.set_last_will(LastWill::new(topic, will, QoS::AtLeastOnce, true));
        }
        let (client, mut events) = AsyncClient::new(options, MQTT_REQUESTS);
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(CONNECT_TIMEOUT.as_secs());
        network.set_tcp_nodelay(true);
        events.set_network_options(network);
        (Requests { client, cn: self.cn.clone(), number: self.number }, Events { events })
    }
}

impl Requests {
    /// Asks for what the agent is told.
    ///
    /// # Errors
    /// When the queue is full: the connection takes nothing any more.
    pub(super) fn subscribe(&self) -> Result<(), Fault> {
        self.client.try_subscribe(filter::down_all(&self.cn), QoS::AtLeastOnce).map_err(|_| Fault::Silent)
    }

    /// Publishes a payload or a hello.
    ///
    /// # Errors
    /// As [`Requests::subscribe`].
    pub(super) fn send_up(&self, bytes: Vec<u8>) -> Result<(), Fault> {
        self.publish(Topic::up(&self.cn), false, bytes)
    }

    /// Says that this agent is here.
    ///
    /// # Errors
    /// As [`Requests::subscribe`].
    pub(super) fn say_online(&self) -> Result<(), Fault> {
        match status(true, self.number) {
            Some(status) => self.publish(Topic::status(&self.cn), true, status),
            None => Ok(()),
        }
    }

    /// Says offline and leaves, so that the will is not needed.
    pub(super) async fn leave(&self, mut events: Events) {
        let Some(offline) = status(false, self.number) else { return };
        if self.publish(Topic::status(&self.cn), true, offline).is_err() || self.client.try_disconnect().is_err() {
            return;
        }
        let _ = tokio::time::timeout(GOODBYE_TIMEOUT, async {
            while let Ok(event) = events.next().await {
                if event == Event::Left {
                    break;
                }
            }
        })
        .await;
    }

    fn publish(&self, topic: Topic, retain: bool, bytes: Vec<u8>) -> Result<(), Fault> {
        self.client.try_publish(topic.to_string(), QoS::AtLeastOnce, retain, bytes).map_err(|_| Fault::Silent)
    }
}

impl Events {
    /// The next event. Must be awaited to its end: giving it up halfway could tear a packet apart.
    ///
    /// # Errors
    /// Why the connection ended.
    pub(super) async fn next(&mut self) -> Result<Event, Fault> {
        match self.events.poll().await.map_err(|error| Fault::from(&error))? {
            rumqttc::Event::Incoming(Packet::ConnAck(_)) => Ok(Event::Connected),
            rumqttc::Event::Incoming(Packet::SubAck(ack))
                if ack.return_codes.contains(&SubscribeReasonCode::Failure) =>
            {
                Err(Fault::NotAllowed)
            }
            rumqttc::Event::Incoming(Packet::PubAck(_)) => Ok(Event::Received),
            rumqttc::Event::Incoming(Packet::Publish(publish)) => {
                Ok(Event::Told { topic: publish.topic, payload: publish.payload })
            }
            rumqttc::Event::Incoming(Packet::Disconnect) => Err(Fault::Closed("the broker said goodbye".to_owned())),
            rumqttc::Event::Outgoing(Outgoing::Publish(_) | Outgoing::Subscribe(_)) => Ok(Event::Written),
            rumqttc::Event::Outgoing(Outgoing::Disconnect) => Ok(Event::Left),
            rumqttc::Event::Incoming(_) | rumqttc::Event::Outgoing(_) => Ok(Event::Other),
        }
    }
}

fn status(online: bool, session: u64) -> Option<Vec<u8>> {
    encode_status(&Status { online, session, version: env!("CARGO_PKG_VERSION").to_owned() }).ok()
}
